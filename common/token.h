/*
 * Opaque tokens and signed cookies as Better Auth makes them: value "." base64(HMAC-SHA256(secret,
 * value)), the whole percent-encoded on the wire (which is uri.h's work).
 */
#ifndef MANA_TOKEN_H
#define MANA_TOKEN_H

#include "buf.h"
#include "digest.h"

enum { TOKEN_CHARS = 32 };

struct session_token {
	char chars[TOKEN_CHARS]; /* [A-Za-z0-9], 190 bits; not NUL-terminated */
};

void token_wipe(struct session_token *token);
#define SECRET_SESSION_TOKEN __attribute__((cleanup(token_wipe))) struct session_token

/* A new random token. */
void token_random(struct session_token *out);
/* Fills `count` chars of [A-Za-z0-9], unbiased. */
void token_random_chars(char *out, size_t count);
/* SHA-256 of the token: the only form that the database sees. */
void token_digest(struct digest *out, struct str token);
/* Appends "value.signature", not percent-encoded. */
void token_cookie_sign(struct buf *out, struct str secret, struct str value);
/* Splits at the last dot and verifies in constant time; *value points into cookie (already
 * percent-decoded). */
bool token_cookie_verify(struct str *value, struct str secret, struct str cookie) MUST_USE;

#endif
