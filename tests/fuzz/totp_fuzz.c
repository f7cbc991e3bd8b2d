/* A code that is taken is the code of the step it is said to be of, which is now or one beside; and
 * an otpauth URI names no other secret, issuer or account than it was given. */
#include "fuzz.h"

#include "totp.h"
#include "uri.h"

enum { SECRET_BYTES = 20, CLOCK_BYTES = 6, URI_BYTES = 16384 };

static void
check_code(struct str secret, struct str shown, uint64_t now)
{
	char code[TOTP_DIGITS], wanted[TOTP_DIGITS];
	uint64_t step = UINT64_MAX, present = now / TOTP_STEP_SECONDS;

	if (totp_verify(&step, secret, shown, now)) {
		REQUIRE(step + TOTP_WINDOW_STEPS >= present && step <= present + TOTP_WINDOW_STEPS);
		REQUIRE(totp_code(wanted, secret, step));
		REQUIRE(str_equal(shown, (struct str){wanted, sizeof(wanted)}));
	}
	REQUIRE(totp_code(code, secret, present));
	for (size_t i = 0; i < sizeof(code); i++)
		REQUIRE(code[i] >= '0' && code[i] <= '9');
	REQUIRE(totp_verify(&step, secret, (struct str){code, sizeof(code)}, now));
	REQUIRE(!totp_verify(&step, secret, (struct str){code, sizeof(code) - 1}, now));
}

static void
check_uri(struct str secret, struct str text)
{
	static char memory[URI_BYTES];
	struct buf out = BUF_ON(memory);
	struct str path, query, name, value, issuer, account;
	size_t colons = 0;
	int parameters = 0;

	for (size_t i = 0; i < text.len; i++)
		colons += text.p[i] == ':';

	totp_uri(&out, secret, text, text);
	REQUIRE(buf_ok(&out));
	for (size_t i = 0; i < out.len; i++)
		REQUIRE(out.p[i] > ' ' && out.p[i] < 0x7f && out.p[i] != '#' && out.p[i] != '"');
	REQUIRE(str_cut(&path, &query, buf_view(&out), '?'));
	while (uri_pair_next(&name, &value, &query))
		parameters++;
	REQUIRE(parameters ==
		(colons < text.len ? 4 : 3)); /* without an issuer of which nothing is left */
	REQUIRE(str_cut(&issuer, &account, path, ':') && str_equal(issuer, STR("otpauth")));
	if (str_cut(&issuer, &account, account, ':')) /* one colon parts issuer and account */
		REQUIRE(!str_has(account, ':') && colons < text.len);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str secret = {(const char *)data, SECRET_BYTES}, rest;
	uint64_t now = 0;

	if (size < SECRET_BYTES + CLOCK_BYTES)
		return 0;
	for (int i = 0; i < CLOCK_BYTES; i++)
		now = now << 8 | data[SECRET_BYTES + i];
	rest = (struct str){
	    (const char *)data + SECRET_BYTES + CLOCK_BYTES, size - SECRET_BYTES - CLOCK_BYTES};
	check_code(secret, rest, now);
	check_uri(secret, rest);
	return 0;
}
