/*
 * The forms of stored password hashes, and of the challenge that is made of one: algorithm,
 * parameters and salt, all that the edge needs to compute the output that the database compares.
 *
 *	$argon2id$v=19$m=19456,t=2,p=1$SALT$OUTPUT             PHC string of libsodium (RFC 9106)
 *	$argon2id-hmac-sha256$v=19$m=19456,t=2,p=1$SALT$MAC    the same; MAC is keyed (sealed)
 *	SALT:OUTPUT                                            Better Auth's scrypt, in hex
 *	$argon2id$v=19$m=19456,t=2,p=1$SALT, scrypt:SALT       challenges
 *
 * Pure text; password.h computes, the extension compares.
 */
#ifndef MANA_PASSWORD_FORM_H
#define MANA_PASSWORD_FORM_H

#include <stdint.h>

#include "buf.h"

enum {
	PASSWORD_SALT_BYTES = 16,
	PASSWORD_ARGON2ID_BYTES = 32, /* of an output */
	PASSWORD_SCRYPT_BYTES = 64,
	PASSWORD_OUTPUT_MAX = PASSWORD_SCRYPT_BYTES,
	PASSWORD_CHALLENGE_MAX = 96
};

enum password_scheme { PASSWORD_ARGON2ID, PASSWORD_SCRYPT };

struct password_form {
	enum password_scheme scheme;
	bool sealed;           /* output is a MAC of it, under a key that the database has */
	uint64_t memory_bytes; /* argon2id */
	uint64_t passes;       /* argon2id */
	struct str salt;       /* base64 without padding (argon2id) or hex (scrypt) */
	struct str output;     /* in the same coding; STR_NONE in a challenge */
};

/* Reads a stored hash or a challenge. The slices point into text. False for any other text: other
 * versions, parallelism and lengths are not computed here. */
bool password_form_read(struct password_form *form, struct str text) MUST_USE;
/* Appends the challenge of a form. */
void password_challenge_write(struct buf *out, const struct password_form *form);

#endif
