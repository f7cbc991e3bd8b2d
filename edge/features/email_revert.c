/*
 * The link of the mail that tells an old address of a change (email_revert.h). It restores the
 * address and locks everybody out, so no GET ever acts.
 */
#include "features/email_revert.h"

#include "db/db.h"
#include "http/reply.h"
#include "pages/hosted.h"
#include "pages/page.h"

enum { LINK_TOKEN_MAX = 64 };

struct email_revert_fields {
	struct str token;
};

static const struct field field_table[] = {
    {"token", FIELD_STRING, FIELD_REQUIRED | FIELD_SECRET | FIELD_SUBJECT,
	.offset = offsetof(struct email_revert_fields, token), .max = LINK_TOKEN_MAX},
    {NULL},
};
const struct schema email_revert_schema = {field_table, sizeof(struct email_revert_fields)};

static enum step revert_refused(struct request *r, enum error e, int retry_after_seconds);
static enum step revert_granted(struct request *r);

static const struct form_page revert_form = {revert_refused, revert_granted};

enum step
email_revert_open(struct request *r)
{
	const struct email_revert_fields *in = r->fields;
	const struct page_confirm page = {
	    .german = {STR("Änderung rückgängig machen"),
		STR("Deine alte Adresse gilt dann wieder, alle Geräte werden abgemeldet, und du "
		    "legst ein neues Passwort fest."),
		STR("Rückgängig machen")},
	    .english = {STR("Undo the change"),
		STR("Your old address will be valid again, all devices will be signed out, and you "
		    "will choose a new password."),
		STR("Undo the change")},
	    .action = STR("/api/auth/revert-email-change"),
	    .token = in->token,
	};

	return page_confirm_show(r, &page);
}

enum step
email_revert(struct request *r)
{
	const struct email_revert_fields *in = r->fields;

	r->form = &revert_form;
	return db_call(r, CALL_EMAIL_CHANGE_REVERT, reply_relay, db_text(r, in->token));
}

static enum step
revert_refused(struct request *r, enum error e, int retry_after_seconds)
{
	(void)retry_after_seconds;
	return hosted_message(
	    r, error_info(e)->status, WORD_revert_failed, hosted_error_word(e), WORD_login_button);
}

static enum step
revert_granted(struct request *r)
{
	return hosted_message(r, 200, WORD_revert_done, WORD_revert_done_text, WORD_login_button);
}
