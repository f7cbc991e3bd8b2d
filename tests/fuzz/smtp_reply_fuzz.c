/* Lines of a mail server: what is kept of a refusal is bounded printable ASCII of the last line
 * that refuses; only a 5xx is more than a failure, and final only once the server has seen a
 * recipient. */
#include "fuzz.h"

#include "mail/smtp_reply.h"

static void
check_verdicts(const struct smtp_refusal *refusal)
{
	bool permanent = refusal->len >= 3 && refusal->text[0] == '5' && refusal->text[1] >= '0' &&
			 refusal->text[1] <= '9' && refusal->text[2] >= '0' &&
			 refusal->text[2] <= '9';

	for (enum smtp_phase phase = SMTP_AT_GREETING; phase <= SMTP_AT_MESSAGE; phase++) {
		enum smtp_result result = smtp_judge(phase, refusal);

		REQUIRE(result != SMTP_ACCEPTED);
		REQUIRE(permanent || result == SMTP_FAILED);
		REQUIRE(result != SMTP_REFUSED || phase >= SMTP_AT_SENDER);
	}
}

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
		check_verdicts(&refusal);
		REQUIRE(smtp_phase_after(SMTP_AT_SENDER, line) >= SMTP_AT_LOGIN);
	}
	REQUIRE(refusal.len <= sizeof(refusal.text) && refusal.len <= last.len);
	REQUIRE((refusal.len > 0) == (last.len > 0));
	for (size_t i = 0, at = 0; i < refusal.len; i++, at++) {
		REQUIRE(refusal.text[i] >= ' ' && refusal.text[i] <= '~');
		while (last.p[at] != refusal.text[i])
			REQUIRE(++at < last.len);
	}
	return 0;
}
