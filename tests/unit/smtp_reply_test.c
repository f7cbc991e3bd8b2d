/* Replies of mail servers: whose fault a refusal is. */
#include "check.h"

#include "mail/smtp_reply.h"

static enum smtp_result
judged(enum smtp_phase phase, const char *line)
{
	struct smtp_refusal refusal = {.len = 0};

	smtp_refusal_keep(&refusal, str_from(line));
	return smtp_judge(phase, &refusal);
}

static void
our_configuration_is_no_fault_of_the_mail(void **state)
{
	static const struct {
		enum smtp_phase phase;
		const char *line;
	} cases[] = {
	    {SMTP_AT_GREETING, "554 mx.example you are listed"},
	    {SMTP_AT_GREETING, "521 5.3.2 does not accept mail"},
	    {SMTP_AT_LOGIN, "504 5.5.4 helo rejected: need fully-qualified hostname"},
	    {SMTP_AT_LOGIN, "535 5.7.8 authentication credentials invalid"},
	    {SMTP_AT_LOGIN, "534 5.7.9 application-specific password required"},
	    {SMTP_AT_LOGIN, "530 5.7.0 must issue STARTTLS first"},
	    {SMTP_AT_SENDER, "503 5.5.1 You must authenticate first."},
	    {SMTP_AT_SENDER, "530 5.7.0 authentication required"},
	    {SMTP_AT_SENDER, "550 5.1.8 sender domain does not exist"},
	    {SMTP_AT_SENDER, "553 sender address not owned by user"},
	    {SMTP_AT_SENDER, "501 5.1.7 bad sender address syntax"},
	    {SMTP_AT_RECIPIENT, "554 5.7.1 <a@b.example>: relay access denied"},
	    {SMTP_AT_RECIPIENT, "550-5.7.1 relaying denied"},
	    {SMTP_AT_RECIPIENT, "550 5.7.60 client has no permission to send as this sender"},
	    {SMTP_AT_RECIPIENT, "553 5.1.8 sender address rejected: domain not found"},
	    {SMTP_AT_RECIPIENT, "530 authentication required"},
	    {SMTP_AT_RECIPIENT, "503 bad sequence of commands"},
	    {SMTP_AT_MESSAGE,
		"550 5.7.26 this mail has been blocked because the sender is unauthenticated"},
	    {SMTP_AT_MESSAGE, "550 5.7.1"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		if (judged(cases[i].phase, cases[i].line) != SMTP_MISCONFIGURED)
			fail_msg("%s", cases[i].line);
}

static void
a_refusal_of_the_recipient_or_the_message_is_final(void **state)
{
	static const struct {
		enum smtp_phase phase;
		const char *line;
	} cases[] = {
	    {SMTP_AT_RECIPIENT, "550 5.1.1 no such mailbox"},
	    {SMTP_AT_RECIPIENT, "550 no such user here"},
	    {SMTP_AT_RECIPIENT, "551 user not local"},
	    {SMTP_AT_RECIPIENT, "553 5.1.3 bad recipient address syntax"},
	    {SMTP_AT_RECIPIENT, "556 5.1.10 the domain does not accept mail"},
	    {SMTP_AT_RECIPIENT, "552 5.2.2 mailbox full"},
	    {SMTP_AT_RECIPIENT, "550 5.7.17 mailbox owner has changed"},
	    {SMTP_AT_RECIPIENT, "550 5.7.2 list expansion prohibited"},
	    {SMTP_AT_SENDER, "552 5.3.4 message too big"},
	    {SMTP_AT_MESSAGE, "554 5.6.0 message content rejected"},
	    {SMTP_AT_MESSAGE, "554 transaction failed"},
	    {SMTP_AT_MESSAGE, "550 5.70.1 no such code"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		if (judged(cases[i].phase, cases[i].line) != SMTP_REFUSED)
			fail_msg("%s", cases[i].line);
}

static void
what_is_temporary_or_no_reply_is_tried_again(void **state)
{
	static const char *const lines[] = {"421 4.3.2 not now", "450 4.2.1 greylisted",
	    "454 4.7.0 temporary failure", "451 4.7.1 try again", "", "5", "55", "5x0 5.7.1",
	    "220 hello"};

	for (enum smtp_phase phase = SMTP_AT_GREETING; phase <= SMTP_AT_MESSAGE; phase++)
		for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
			assert_int_equal(judged(phase, lines[i]), SMTP_FAILED);
}

static void
the_phase_follows_our_commands(void **state)
{
	static const struct {
		const char *command;
		enum smtp_phase phase;
	} talk[] = {{"EHLO auth.example\r\n", SMTP_AT_LOGIN}, {"STARTTLS\r\n", SMTP_AT_LOGIN},
	    {"AUTH PLAIN\r\n", SMTP_AT_LOGIN}, {"AGRhdGEAZGF0YQ==\r\n", SMTP_AT_LOGIN},
	    {"MAIL FROM:<a@b.example>\r\n", SMTP_AT_SENDER},
	    {"RCPT TO:<a@b.example>\r\n", SMTP_AT_RECIPIENT}, {"DATA\r\n", SMTP_AT_MESSAGE},
	    {"QUIT\r\n", SMTP_AT_MESSAGE}};
	enum smtp_phase phase = SMTP_AT_GREETING;

	for (size_t i = 0; i < sizeof(talk) / sizeof(talk[0]); i++) {
		phase = smtp_phase_after(phase, str_from(talk[i].command));
		assert_int_equal(phase, talk[i].phase);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(our_configuration_is_no_fault_of_the_mail),
	    cmocka_unit_test(a_refusal_of_the_recipient_or_the_message_is_final),
	    cmocka_unit_test(what_is_temporary_or_no_reply_is_tried_again),
	    cmocka_unit_test(the_phase_follows_our_commands),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
