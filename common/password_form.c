/* Forms of stored password hashes (password_form.h). */
#include "password_form.h"

enum {
	SALT_BASE64_CHARS = 22,   /* of 16 bytes */
	OUTPUT_BASE64_CHARS = 43, /* of 32 bytes */
	SALT_HEX_CHARS = 2 * PASSWORD_SALT_BYTES,
	OUTPUT_HEX_CHARS = 2 * PASSWORD_SCRYPT_BYTES,
	NUMBER_DIGITS_MAX = 10,
	KIB = 1024
};

static const struct str argon2id_prefix = {.p = "$argon2id$v=19$m=", .len = 17};
static const struct str sealed_prefix = {.p = "$argon2id-hmac-sha256$v=19$m=", .len = 29};
static const struct str scrypt_prefix = {.p = "scrypt:", .len = 7};

static bool read_argon2id(struct password_form *form, struct str text);
static bool read_scrypt(struct password_form *form, struct str text);
static bool read_number(uint64_t *out, struct str *text, struct str after);
static bool is_base64(struct str text, size_t count);
static bool is_hex(struct str text, size_t count);

bool
password_form_read(struct password_form *form, struct str text)
{
	*form = (struct password_form){.scheme = PASSWORD_ARGON2ID};
	if (str_starts(text, argon2id_prefix))
		return read_argon2id(form, str_skip(text, argon2id_prefix.len));
	form->sealed = str_starts(text, sealed_prefix);
	if (form->sealed)
		return read_argon2id(form, str_skip(text, sealed_prefix.len)) &&
		       form->output.p != NULL;
	form->scheme = PASSWORD_SCRYPT;
	if (str_starts(text, scrypt_prefix)) {
		form->salt = str_skip(text, scrypt_prefix.len);
		return is_hex(form->salt, SALT_HEX_CHARS);
	}
	return read_scrypt(form, text);
}

void
password_challenge_write(struct buf *out, const struct password_form *form)
{
	if (form->scheme == PASSWORD_SCRYPT) {
		buf_str(out, scrypt_prefix);
	} else {
		buf_str(out, argon2id_prefix);
		buf_int(out, (int64_t)(form->memory_bytes / KIB));
		buf_str(out, STR(",t="));
		buf_int(out, (int64_t)form->passes);
		buf_str(out, STR(",p=1$"));
	}
	buf_str(out, form->salt);
}

/* Behind "m=". */
static bool
read_argon2id(struct password_form *form, struct str text)
{
	uint64_t kib;
	bool has_output;

	if (!read_number(&kib, &text, STR(",t=")) ||
	    !read_number(&form->passes, &text, STR(",p=1$")))
		return false;
	form->memory_bytes = kib * KIB;
	has_output = str_cut(&form->salt, &form->output, text, '$');
	return is_base64(form->salt, SALT_BASE64_CHARS) &&
	       (!has_output || is_base64(form->output, OUTPUT_BASE64_CHARS));
}

static bool
read_scrypt(struct password_form *form, struct str text)
{
	return str_cut(&form->salt, &form->output, text, ':') &&
	       is_hex(form->salt, SALT_HEX_CHARS) && is_hex(form->output, OUTPUT_HEX_CHARS);
}

/* A decimal number without leading zeros, and what must follow it. */
static bool
read_number(uint64_t *out, struct str *text, struct str after)
{
	size_t digits = 0;

	*out = 0;
	while (digits < text->len && text->p[digits] >= '0' && text->p[digits] <= '9') {
		if (digits == NUMBER_DIGITS_MAX)
			return false;
		*out = 10 * *out + (uint64_t)(text->p[digits++] - '0');
	}
	if (digits == 0 || text->p[0] == '0' || !str_starts(str_skip(*text, digits), after))
		return false;
	*text = str_skip(*text, digits + after.len);
	return true;
}

static bool
is_base64(struct str text, size_t count)
{
	for (size_t i = 0; i < text.len; i++) {
		char c = text.p[i], lower = str_lower(c);

		if (!(lower >= 'a' && lower <= 'z') && !(c >= '0' && c <= '9') && c != '+' &&
		    c != '/')
			return false;
	}
	return text.len == count;
}

static bool
is_hex(struct str text, size_t count)
{
	for (size_t i = 0; i < text.len; i++) {
		char lower = str_lower(text.p[i]);

		if (!(lower >= 'a' && lower <= 'f') && !(lower >= '0' && lower <= '9'))
			return false;
	}
	return text.len == count;
}
