/* Replies of a mail server (smtp_reply.h). */
#include "mail/smtp_reply.h"

enum { CODE_CHARS = 3, TOO_BIG = 552 };

/* An enhanced status code (RFC 3463); class 0: the reply has none. */
struct status {
	int class, subject, detail;
};

static int code_of(const struct smtp_refusal *refusal);
static struct status status_of(const struct smtp_refusal *refusal);
static bool number_take(int *number, struct str *rest, char end);
static bool concerns_us(int code, struct status status);

enum smtp_phase
smtp_phase_after(enum smtp_phase phase, struct str command)
{
	static const struct {
		struct str verb;
		enum smtp_phase phase;
	} verbs[] = {
	    {{.p = "EHLO ", .len = 5}, SMTP_AT_LOGIN},
	    {{.p = "HELO ", .len = 5}, SMTP_AT_LOGIN},
	    {{.p = "STARTTLS", .len = 8}, SMTP_AT_LOGIN},
	    {{.p = "AUTH ", .len = 5}, SMTP_AT_LOGIN},
	    {{.p = "MAIL FROM:", .len = 10}, SMTP_AT_SENDER},
	    {{.p = "RCPT TO:", .len = 8}, SMTP_AT_RECIPIENT},
	    {{.p = "DATA\r\n", .len = 6}, SMTP_AT_MESSAGE},
	};

	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
		if (str_starts(command, verbs[i].verb))
			return verbs[i].phase;
	return phase;
}

void
smtp_refusal_keep(struct smtp_refusal *refusal, struct str line)
{
	if (line.len == 0 || (line.p[0] != '4' && line.p[0] != '5'))
		return;
	refusal->len = 0;
	for (size_t i = 0; i < line.len && refusal->len < sizeof(refusal->text); i++)
		if (line.p[i] >= ' ' && line.p[i] <= '~')
			refusal->text[refusal->len++] = line.p[i];
}

enum smtp_result
smtp_judge(enum smtp_phase phase, const struct smtp_refusal *refusal)
{
	int code = code_of(refusal);
	struct status status = status_of(refusal);

	if (code < 500 || code > 599)
		return SMTP_FAILED;
	if (phase == SMTP_AT_SENDER && code == TOO_BIG) /* the SIZE of the message (RFC 1870) */
		return SMTP_REFUSED;
	if (phase <= SMTP_AT_SENDER || concerns_us(code, status))
		return SMTP_MISCONFIGURED;
	return SMTP_REFUSED;
}

static bool
concerns_us(int code, struct status status)
{
	/* authentication and encryption (RFC 4954 section 6), a command before its time */
	static const int codes[] = {503, 530, 534, 535, 538};
	/* of policy and security those about the recipient: may not be mailed (a list), and a
	 * mailbox or domain of a new owner (RFC 3463 section 3.8, RFC 7293) */
	static const int recipients[] = {2, 17, 18};

	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
		if (code == codes[i])
			return true;
	if (status.class != 5)
		return false;
	if (status.subject == 1) /* the sender's address or domain */
		return status.detail == 7 || status.detail == 8;
	if (status.subject != 7)
		return false;
	for (size_t i = 0; i < sizeof(recipients) / sizeof(recipients[0]); i++)
		if (status.detail == recipients[i])
			return false;
	return true;
}

static int
code_of(const struct smtp_refusal *refusal)
{
	struct str rest = {.p = refusal->text, .len = CODE_CHARS};
	int code;

	return refusal->len >= CODE_CHARS && number_take(&code, &rest, '\0') ? code : 0;
}

/* "550 5.7.1 text", also "550-5.7.1 text". */
static struct status
status_of(const struct smtp_refusal *refusal)
{
	struct str rest = {.p = refusal->text, .len = refusal->len};
	struct status status, none = {.class = 0};

	rest = str_skip(rest, CODE_CHARS + 1);
	if (number_take(&status.class, &rest, '.') && number_take(&status.subject, &rest, '.') &&
	    number_take(&status.detail, &rest, ' '))
		return status;
	return none;
}

/* One to three digits and the byte behind them, which may be missing at the end. */
static bool
number_take(int *number, struct str *rest, char end)
{
	size_t digits = 0;

	*number = 0;
	while (digits < rest->len && digits < CODE_CHARS && rest->p[digits] >= '0' &&
	       rest->p[digits] <= '9')
		*number = *number * 10 + (rest->p[digits++] - '0');
	if (digits == 0 || (digits < rest->len && rest->p[digits] != end) ||
	    (digits == rest->len && end == '.'))
		return false;
	*rest = str_skip(*rest, digits + 1);
	return true;
}
