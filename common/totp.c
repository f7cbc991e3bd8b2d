/* TOTP (totp.h). */
#include "totp.h"

#include <sodium.h>

#include "base64.h"
#include "digest.h"

static void append_without_colons(struct buf *out, struct str text);

bool
totp_code(char out[static TOTP_DIGITS], struct str secret, uint64_t counter)
{
	unsigned char mac[DIGEST_SHA1_BYTES];
	char message[8];
	uint32_t value;
	size_t offset;

	for (int i = 7; i >= 0; i--, counter >>= 8)
		message[i] = (char)(counter & 0xff);
	if (!digest_hmac_sha1(mac, secret, (struct str){message, sizeof(message)}))
		return false;
	offset = mac[DIGEST_SHA1_BYTES - 1] & 15; /* RFC 4226 §5.3, dynamic truncation */
	value = ((uint32_t)mac[offset] & 0x7f) << 24 | (uint32_t)mac[offset + 1] << 16 |
		(uint32_t)mac[offset + 2] << 8 | mac[offset + 3];
	sodium_memzero(mac, sizeof(mac));
	for (int i = TOTP_DIGITS - 1; i >= 0; i--, value /= 10)
		out[i] = (char)('0' + value % 10);
	return true;
}

bool
totp_verify(uint64_t *counter, struct str secret, struct str code, uint64_t now_seconds)
{
	uint64_t now = now_seconds / TOTP_STEP_SECONDS;
	bool found = false;

	if (code.len != TOTP_DIGITS)
		return false;
	for (int step = -TOTP_WINDOW_STEPS; step <= TOTP_WINDOW_STEPS;
	     step++) { /* all of them: no clock tells which */
		char wanted[TOTP_DIGITS];

		if ((step < 0 && now < (uint64_t)-step) ||
		    !totp_code(wanted, secret, now + (uint64_t)step))
			continue;
		if (digest_equal((struct str){wanted, sizeof(wanted)}, code)) {
			*counter = now + (uint64_t)step;
			found = true;
		}
		sodium_memzero(wanted, sizeof(wanted));
	}
	return found;
}

void
totp_uri(struct buf *out, struct str secret, struct str issuer, struct str account)
{
	size_t from = out->len + sizeof("otpauth://totp/") - 1, to;

	buf_str(out, STR("otpauth://totp/"));
	append_without_colons(out, issuer);
	to = out->len;
	if (to > from)
		buf_char(out, ':');
	append_without_colons(out, account);
	buf_str(out, STR("?secret="));
	base32_encode(out, secret.p, secret.len);
	if (to > from) {
		buf_str(out, STR("&issuer="));
		append_without_colons(out, issuer);
	}
	buf_str(out, STR("&digits=6&period=30"));
}

/* Key URI format: "Neither issuer nor account name may themselves contain a colon." Apps split the
 * label at its first or its last one. */
static void
append_without_colons(struct buf *out, struct str text)
{
	struct str part;
	bool more = true;

	while (more) {
		more = str_cut(&part, &text, text, ':');
		buf_uri(out, part);
	}
}
