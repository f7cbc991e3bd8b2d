/* Password hashes (password.h). */
#include "password.h"

#include <sodium.h>
#include <stdlib.h>
#include <uninorm.h>
#include <unistr.h>
#include <zxcvbn.h>

#include "digest.h"

enum {
	SCRYPT_N = 16384,
	SCRYPT_R = 16,
	SCRYPT_P = 1,
	SCRYPT_SALT_BYTES = PASSWORD_SALT_BYTES,
	SCRYPT_KEY_BYTES = PASSWORD_SCRYPT_BYTES,
};

/* zxcvbn's bits of entropy below which about 10^6 guesses suffice (its score 0 and 1). */
static const double guessable_bits = 20.0;

static bool normalise(uint8_t **out, size_t *len, struct str plain);
static void wipe(uint8_t *bytes, size_t len);
static bool scrypt_key(
    unsigned char key[static SCRYPT_KEY_BYTES], const uint8_t *plain, size_t len, struct str salt);
static bool argon2id_key(unsigned char key[static PASSWORD_ARGON2ID_BYTES], const uint8_t *plain,
    size_t len, const struct password_form *form);
static bool scrypt_hash(struct buf *out, const uint8_t *plain, size_t len);

bool
password_hash(struct buf *out, struct str plain, struct password_params params)
{
	char phc[crypto_pwhash_STRBYTES];
	uint8_t *normal;
	size_t len;
	bool ok;

	if (!normalise(&normal, &len, plain))
		return false;
	if (params.scheme == PASSWORD_SCRYPT) {
		ok = scrypt_hash(out, normal, len);
	} else {
		ok = crypto_pwhash_str_alg(phc, (const char *)normal, len, params.passes,
			 (size_t)params.memory_bytes, crypto_pwhash_ALG_ARGON2ID13) == 0;
		if (ok)
			buf_str(out, str_from(phc));
	}
	wipe(normal, len);
	return ok && buf_ok(out);
}

bool
password_output(unsigned char out[static PASSWORD_OUTPUT_MAX], size_t *count, struct str challenge,
    struct str plain)
{
	struct password_form form;
	uint8_t *normal;
	size_t len;
	bool ok;

	sodium_memzero(out, PASSWORD_OUTPUT_MAX);
	*count = 0;
	if (!password_form_read(&form, challenge) || form.output.p != NULL ||
	    !normalise(&normal, &len, plain))
		return false;
	ok = form.scheme == PASSWORD_SCRYPT ? scrypt_key(out, normal, len, form.salt)
					    : argon2id_key(out, normal, len, &form);
	wipe(normal, len);
	if (ok)
		*count = form.scheme == PASSWORD_SCRYPT ? PASSWORD_SCRYPT_BYTES
							: PASSWORD_ARGON2ID_BYTES;
	else
		sodium_memzero(out, PASSWORD_OUTPUT_MAX);
	return ok;
}

bool
password_needs_rehash(struct str challenge, struct password_params params)
{
	struct password_form form;

	if (!password_form_read(&form, challenge) || form.scheme != params.scheme)
		return true;
	return form.scheme == PASSWORD_ARGON2ID &&
	       (form.memory_bytes != params.memory_bytes || form.passes != params.passes);
}

/* zxcvbn is quadratic: what is long is judged in pieces, which a guesser must guess as well. A
 * piece that says the one before it again adds nothing. */
bool
password_guessable(struct str plain, const char *const words[])
{
	enum { PIECE = 64 };
	char text[PIECE + 1];
	const char *dictionary[9] = {0};
	struct str before = STR_NONE;
	double bits = 0;

	for (int i = 0; i < 8 && words[i] != NULL; i++)
		dictionary[i] = words[i];
	while (plain.len > 0 && bits < guessable_bits) {
		struct str piece = {.p = plain.p, .len = plain.len < PIECE ? plain.len : PIECE};

		if (!str_starts(before, piece)) {
			memcpy(text, piece.p, piece.len);
			text[piece.len] = '\0';
			bits += ZxcvbnMatch(text, dictionary, NULL);
		}
		before = piece;
		plain = str_skip(plain, piece.len);
	}
	sodium_memzero(text, sizeof(text));
	return bits < guessable_bits;
}

/* NFKC; the caller wipes and frees. libunistring turns what is no UTF-8 into U+FFFD, which would
 * make all such passwords one. */
static bool
normalise(uint8_t **out, size_t *len, struct str plain)
{
	if (plain.p == NULL || plain.len > PASSWORD_BYTES_MAX ||
	    u8_check((const uint8_t *)plain.p, plain.len) != NULL)
		return false;
	*out = u8_normalize(UNINORM_NFKC, (const uint8_t *)plain.p, plain.len, NULL, len);
	return *out != NULL;
}

static void
wipe(uint8_t *bytes, size_t len)
{
	sodium_memzero(bytes, len);
	free(bytes);
}

/* The salt is the hex text, not the bytes that it stands for. */
static bool
scrypt_key(
    unsigned char key[static SCRYPT_KEY_BYTES], const uint8_t *plain, size_t len, struct str salt)
{
	return crypto_pwhash_scryptsalsa208sha256_ll(plain, len, (const uint8_t *)salt.p, salt.len,
		   SCRYPT_N, SCRYPT_R, SCRYPT_P, key, SCRYPT_KEY_BYTES) == 0;
}

static bool
argon2id_key(unsigned char key[static PASSWORD_ARGON2ID_BYTES], const uint8_t *plain, size_t len,
    const struct password_form *form)
{
	unsigned char salt[PASSWORD_SALT_BYTES];
	size_t count;

	return sodium_base642bin(salt, sizeof(salt), form->salt.p, form->salt.len, NULL, &count,
		   NULL, sodium_base64_VARIANT_ORIGINAL_NO_PADDING) == 0 &&
	       count == sizeof(salt) &&
	       crypto_pwhash(key, PASSWORD_ARGON2ID_BYTES, (const char *)plain, len, salt,
		   form->passes, (size_t)form->memory_bytes, crypto_pwhash_ALG_ARGON2ID13) == 0;
}

static bool
scrypt_hash(struct buf *out, const uint8_t *plain, size_t len)
{
	unsigned char salt[SCRYPT_SALT_BYTES], key[SCRYPT_KEY_BYTES];
	char salt_hex[2 * SCRYPT_SALT_BYTES + 1];
	bool ok;

	randombytes_buf(salt, sizeof(salt));
	sodium_bin2hex(salt_hex, sizeof(salt_hex), salt, sizeof(salt));
	ok = scrypt_key(key, plain, len, str_from(salt_hex));
	if (ok) {
		buf_str(out, str_from(salt_hex));
		buf_char(out, ':');
		buf_hex(out, key, sizeof(key));
	}
	sodium_memzero(key, sizeof(key));
	return ok;
}
