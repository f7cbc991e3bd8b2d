/*
 * Compact JWS (RFC 7515) signed with RS256 or ES256, for relying parties that know no EdDSA
 * (jwt.h). The private half lives in OpenSSL's secure heap, where the process has one.
 */
#ifndef MANA_JWS_SIGN_H
#define MANA_JWS_SIGN_H

#include "buf.h"

struct jws_key; /* a private key, and the one algorithm that it is for */

/* Reads PKCS #8. NULL if it is none, or the key is not of the algorithm's kind and strength. */
struct jws_key *jws_key_read(struct str alg, const unsigned char *pkcs8, size_t count) MUST_USE;
/* Wipes and frees; NULL is fine. */
void jws_key_free(struct jws_key *key);
/* Appends a token of this type ("JWT") and these claims, a JSON object; out overflows where it
 * cannot be made. */
void jws_sign(
    struct buf *out, const struct jws_key *key, struct str kid, struct str type, struct str claims);

#endif
