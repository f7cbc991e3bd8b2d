/*
 * Compact JWS/JWT (RFC 7515, 7519): EdDSA (RFC 8037) and HS256. The algorithm is the caller's
 * choice, never the token's; "crit" is refused; "none" does not exist. Claims are checked by the
 * caller.
 */
#ifndef MANA_JWT_H
#define MANA_JWT_H

#include "jwk.h"

enum { JWT_BYTES_MAX = 8192 };

struct jwt {
	struct str header; /* the three base64url segments, pointing into the token */
	struct str payload;
	struct str signature;
	struct str signed_text; /* header "." payload */
};

/* Splits a token and checks lengths and alphabet; nothing is trusted yet. */
bool jwt_parse(struct jwt *out, struct str token) MUST_USE;
/* Writes the header's kid into out (size bytes); false if the header is bad, alg differs, or kid is
 * absent. */
bool jwt_kid(struct buf *out, const struct jwt *token, struct str alg) MUST_USE;
/* Whether the header says that it is a token of this type ("at+jwt"; RFC 7515, section 4.1.9: with
 * or without "application/", in any case of letters). */
bool jwt_is_of_type(const struct jwt *token, struct str type) MUST_USE;
/* Appends a token of a type ("JWT") signed by EdDSA; kid may be STR_NONE. claims is a JSON object.
 */
void jwt_sign_eddsa(struct buf *out, const struct signing_key *key, struct str kid, struct str type,
    struct str claims);
/* Appends a token signed by HS256, header {"alg":"HS256"}. */
void jwt_sign_hs256(struct buf *out, struct str secret, struct str claims);
/* Verifies alg EdDSA and the signature, then appends the decoded claims. */
bool jwt_verify_eddsa(
    struct buf *claims, const struct jwt *token, const struct jwk_public *key) MUST_USE;
/* Appends the decoded claims of a token that was verified before. */
bool jwt_claims_verified_before(struct buf *claims, const struct jwt *token) MUST_USE;
/* Verifies alg HS256 and the signature, then appends the decoded claims. */
bool jwt_verify_hs256(struct buf *claims, const struct jwt *token, struct str secret) MUST_USE;

#endif
