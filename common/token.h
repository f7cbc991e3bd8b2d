/*
 * Opaque tokens, and signed values: value "." base64(MAC of the value), the whole percent-encoded
 * on the wire (which is uri.h's work). The session cookie has the MAC that Better Auth gives it, so
 * that existing sessions stay valid; each other purpose has a key of its own.
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
/* Reads a token as this service and Better Auth make them: exactly TOKEN_CHARS of [A-Za-z0-9].
 * False and wiped otherwise. */
bool token_read(struct session_token *out, struct str text) MUST_USE;

/* Appends a session cookie, not percent-encoded, in Better Auth's form: the key is the secret
 * itself. Nothing but a session token is ever signed with it. */
void token_session_sign(struct buf *out, struct str secret, const struct session_token *token);
/* Reads a session cookie (already percent-decoded), in constant time where the signature is
 * compared. False and wiped if the signature is wrong, the secret empty, or the value no session
 * token. */
bool token_session_verify(struct session_token *out, struct str secret, struct str cookie) MUST_USE;

/* The MAC of a text for one purpose: HMAC-SHA-256 of purpose, NUL and text, under a key that HKDF
 * (RFC 5869) derives from the secret with the purpose as its label. A MAC for one purpose says
 * nothing for another, nor for a session cookie. */
void token_purpose_mac(struct digest *out, struct str secret, struct str purpose, struct str text);
/* Appends "value.MAC" for a purpose: a cookie other than the session's, not percent-encoded. */
void token_purpose_sign(struct buf *out, struct str secret, struct str purpose, struct str value);
/* Splits at the last dot and verifies in constant time; *value points into `signed_value`. False if
 * the secret is empty. */
bool token_purpose_verify(
    struct str *value, struct str secret, struct str purpose, struct str signed_value) MUST_USE;

#endif
