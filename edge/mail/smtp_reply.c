/* Replies of a mail server (smtp_reply.h). */
#include "mail/smtp_reply.h"

enum { AUTHENTICATION_REQUIRED = 530 };

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

bool
smtp_code_is_final(long code)
{
	return code >= 500 && code < 600 && code != AUTHENTICATION_REQUIRED;
}
