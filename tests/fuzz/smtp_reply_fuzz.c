/* Lines of a mail server: what is kept of a refusal is bounded printable ASCII of the last line
 * that refuses, and only a 5xx other than 530 is final. */
#include "fuzz.h"

#include "mail/smtp_reply.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str rest = {(const char *)data, size}, line, last = STR("");
	struct smtp_refusal refusal = {.len = 0};
	bool more = true;

	while (more) {
		more = str_cut(&line, &rest, rest, '\n');
		if (str_starts(line, STR("4")) || str_starts(line, STR("5")))
			last = line;
		smtp_refusal_keep(&refusal, line);
	}
	REQUIRE(refusal.len <= sizeof(refusal.text) && refusal.len <= last.len);
	REQUIRE((refusal.len > 0) == (last.len > 0));
	for (size_t i = 0, at = 0; i < refusal.len; i++, at++) {
		REQUIRE(refusal.text[i] >= ' ' && refusal.text[i] <= '~');
		while (last.p[at] != refusal.text[i])
			REQUIRE(++at < last.len);
	}
	for (long code = 0; code < 1000; code++)
		REQUIRE(!smtp_code_is_final(code) || (code / 100 == 5 && code != 530));
	return 0;
}
