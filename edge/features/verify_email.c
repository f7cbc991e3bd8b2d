/*
 * The link of a verification mail. Scanners open links before their readers do, so a browser's GET
 * takes nothing: it shows a button. A plain GET, as apps and old clients send it, verifies at once;
 * HEAD never does.
 */
#include "features/verify_email.h"

#include "db/db.h"
#include "http/reply.h"
#include "pages/page.h"

struct verify_email_fields {
	struct str token;
	struct str callback_url;
};

static const struct field field_table[] = {
    {"token", FIELD_STRING, FIELD_REQUIRED | FIELD_SECRET,
	.offset = offsetof(struct verify_email_fields, token), .max = 512},
    {"callbackURL", FIELD_URL, 0, .offset = offsetof(struct verify_email_fields, callback_url)},
    {NULL},
};
const struct schema verify_email_schema = {field_table, sizeof(struct verify_email_fields)};

enum step
verify_email_open(struct request *r)
{
	const struct verify_email_fields *in = r->fields;

	if (r->is_head || page_is_wanted(r)) {
		const struct page_confirm page = {
		    .german = {STR("E-Mail bestätigen"),
			STR("Ein Klick noch, dann ist deine Adresse bestätigt."),
			STR("Bestätigen")},
		    .english = {STR("Confirm your e-mail"),
			STR("One more click, and your address is confirmed."), STR("Confirm")},
		    .action = STR("/api/auth/verify-email"),
		    .token = in->token,
		    .callback_url = in->callback_url,
		};

		return page_confirm_show(r, &page);
	}
	return verify_email(r);
}

enum step
verify_email(struct request *r)
{
	const struct verify_email_fields *in = r->fields;

	return db_call(
	    r, CALL_VERIFY_EMAIL, reply_relay, db_text(r, in->token), db_text(r, in->callback_url));
}
