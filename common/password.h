/*
 * Password hashes: argon2id (RFC 9106, PHC string) and Better Auth's scrypt (RFC 7914,
 * "hexsalt:hexkey"; the salt is the hex text itself, N=16384 r=16 p=1). Passwords are normalised to
 * NFKC first. Slow by design: call off the event loop.
 */
#ifndef MANA_PASSWORD_H
#define MANA_PASSWORD_H

#include <stdint.h>

#include "password_form.h"

enum { PASSWORD_HASH_MAX = 256, PASSWORD_BYTES_MAX = 4096 };

struct password_params {
	enum password_scheme scheme;
	uint64_t memory_bytes; /* argon2id; OWASP: 19 MiB */
	uint64_t passes;       /* argon2id; OWASP: 2 */
};

#define PASSWORD_PARAMS_DEFAULT                                                                    \
	((struct password_params){                                                                 \
	    .scheme = PASSWORD_ARGON2ID, .memory_bytes = 19456 * 1024, .passes = 2})

/* Appends the hash. False (nothing appended) if plain is too long, not UTF-8, or memory is short.
 */
bool password_hash(struct buf *out, struct str plain, struct password_params params) MUST_USE;
/* Computes the output that the database compares with what it keeps: argon2id or scrypt of plain
 * with the parameters and the salt of a challenge. False, and out wiped, if the challenge is of no
 * known form, plain too long or not UTF-8, or memory short. */
bool password_output(unsigned char out[static PASSWORD_OUTPUT_MAX], size_t *count,
    struct str challenge, struct str plain) MUST_USE;
/* Whether the hash behind a challenge should be written again: another scheme or parameters. */
bool password_needs_rehash(struct str challenge, struct password_params params) MUST_USE;
/* Whether zxcvbn guesses it easily; words (NULL-terminated C strings: address, name, product) count
 * as known. */
bool password_guessable(struct str plain, const char *const words[]) MUST_USE;

#endif
