/*
 * Compact JWS (RFC 7515) by somebody else's keys: EdDSA, RS256, PS256 and ES256, with a key of a
 * JWK set. The key's own type decides which algorithms it may verify; the token only says which of
 * these it used.
 */
#ifndef MANA_JWS_H
#define MANA_JWS_H

#include "jwt.h"

enum { JWS_RSA_BITS_MIN = 2048, JWS_KEYS_MAX = 16 };

/* Appends the payload of a parsed token, of which nothing is verified. */
bool jws_payload(struct buf *out, const struct jwt *token) MUST_USE;
/* Verifies by the keys of a JWK set ({"keys":[..]}), then appends the payload. */
bool jws_verify(struct buf *payload, const struct jwt *token, struct str jwks) MUST_USE;

#endif
