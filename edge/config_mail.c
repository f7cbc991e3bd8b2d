/* The mail server and the sender out of the environment (config_mail.h). */
#include "config_mail.h"

#include "config.h"
#include "email.h"
#include "mail/message.h"

enum { HOST_CHARS_MAX = 253, SENDER_BYTES = 1024 };

static bool host_read(void);
static bool sender_read(void);
static bool refused(FILE *problems, const char *name, const char *should_be);

bool
config_mail_read(FILE *problems)
{
	if (!host_read())
		return refused(problems, "SMTP_HOST",
		    "a host name or an address; the port is SMTP_PORT, and TLS is SMTP_TLS");
	if (!sender_read())
		return refused(problems, "SMTP_FROM",
		    "an address or \"Name <address>\", such as Mana <noreply@mana.how>");
	if (config.smtp_user.len > 0 && config.smtp_password.len == 0)
		return refused(problems, "SMTP_PASS", "given with SMTP_USER");
	if (config.mail_sender == MAIL_ONLY && config.smtp_host.len == 0)
		return refused(problems, "SMTP_HOST", "given with MAIL_SENDER=only");
	return true;
}

static bool
host_read(void)
{
	struct str *host = &config.smtp_host;
	bool bracketed = str_starts(*host, STR("["));
	size_t colons = 0;

	if (bracketed) {
		if (!str_ends(*host, STR("]")))
			return false;
		*host = (struct str){.p = host->p + 1, .len = host->len - 2};
	}
	for (size_t i = 0; i < host->len; i++) {
		char c = str_lower(host->p[i]);

		colons += c == ':';
		if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
			c == '_' || c == ':'))
			return false;
	}
	/* One colon is a port; an IPv6 address has two or more. */
	return colons != 1 && (!bracketed || colons > 1) && host->len <= HOST_CHARS_MAX;
}

static bool
sender_read(void)
{
	static char memory[SENDER_BYTES];
	struct buf sender = BUF_ON(memory);
	struct str from = config.smtp_from, address = from;

	for (size_t i = 0; i < from.len; i++) {
		if ((unsigned char)from.p[i] < ' ')
			return false;
		if (from.p[i] == '<')
			address = str_skip(from, i + 1);
	}
	if (address.len != from.len && str_ends(address, STR(">")))
		address.len--;
	buf_str(&sender, (struct str){.p = from.p, .len = (size_t)(address.p - from.p)});
	email_to_ascii(&sender, address);
	if (address.len != from.len && str_ends(from, STR(">")))
		buf_char(&sender, '>');
	if (!buf_ok(&sender))
		return false;
	config.smtp_from = buf_view(&sender);
	return message_address(config.smtp_from).p != NULL;
}

static bool
refused(FILE *problems, const char *name, const char *should_be)
{
	fprintf(problems, "%s must be %s\n", name, should_be);
	return false;
}
