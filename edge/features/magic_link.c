/*
 * The mail with the link, and the link. Its GET signs in only for a program that asks for it
 * (gates/mail_link.c); others get a page with a button.
 */
#include "features/magic_link.h"

#include "config.h"
#include "db/db.h"
#include "gates/gates.h"
#include "http/locale.h"
#include "http/reply.h"
#include "pages/page.h"

struct link_fields {
	struct str email;
	struct str name;
	struct str callback_url;
	struct str new_user_url;
	struct str error_url;
};

struct verify_fields {
	struct str token;
	struct str callback_url;
	struct str new_user_url;
	struct str error_url;
};

static const struct field link_field_table[] = {
    {"email", FIELD_EMAIL, FIELD_REQUIRED, .offset = offsetof(struct link_fields, email)},
    {"name", FIELD_STRING, 0, .offset = offsetof(struct link_fields, name), .max = 255},
    {"callbackURL", FIELD_URL, FIELD_MAILED, .offset = offsetof(struct link_fields, callback_url)},
    {"newUserCallbackURL", FIELD_URL, FIELD_MAILED,
	.offset = offsetof(struct link_fields, new_user_url)},
    {"errorCallbackURL", FIELD_URL, FIELD_MAILED,
	.offset = offsetof(struct link_fields, error_url)},
    {NULL},
};
const struct schema magic_link_schema = {link_field_table, sizeof(struct link_fields)};

static const struct field verify_field_table[] = {
    {"token", FIELD_STRING, FIELD_REQUIRED | FIELD_SECRET | FIELD_SUBJECT,
	.offset = offsetof(struct verify_fields, token), .max = 512},
    {"callbackURL", FIELD_URL, 0, .offset = offsetof(struct verify_fields, callback_url)},
    {"errorCallbackURL", FIELD_URL, 0, .offset = offsetof(struct verify_fields, error_url)},
    {"newUserCallbackURL", FIELD_URL, 0, .offset = offsetof(struct verify_fields, new_user_url)},
    {NULL},
};
const struct schema magic_link_verify_schema = {verify_field_table, sizeof(struct verify_fields)};

static struct str absolute(struct request *r, struct str url);

enum step
magic_link_send(struct request *r)
{
	const struct link_fields *in = r->fields;

	return db_call(r, CALL_MAGIC_LINK_SEND, reply_relay, db_text(r, in->email),
	    db_text(r, in->name), db_text(r, in->callback_url), db_text(r, in->new_user_url),
	    db_text(r, in->error_url), db_text(r, locale_of(r)));
}

enum step
magic_link_open(struct request *r)
{
	const struct verify_fields *in = r->fields;

	if (!mail_link_acts(r)) {
		const struct page_confirm page = {
		    .german = {STR("Anmelden"), STR("Ein Klick noch, dann bist du angemeldet."),
			STR("Jetzt anmelden")},
		    .english = {STR("Sign in"), STR("One more click, and you are signed in."),
			STR("Sign in now")},
		    .action = STR("/api/auth/magic-link/verify"),
		    .token = in->token,
		    .callback_url = in->callback_url,
		    .new_user_url = in->new_user_url,
		    .error_url = in->error_url,
		};

		return page_confirm_show(r, &page);
	}
	return magic_link_verify(r);
}

enum step
magic_link_verify(struct request *r)
{
	const struct verify_fields *in = r->fields;
	struct str error_url = in->error_url.p != NULL ? in->error_url : in->callback_url;

	return db_call(r, CALL_MAGIC_LINK_VERIFY, reply_relay, db_text(r, in->token),
	    db_text(r, absolute(r, in->callback_url)), db_text(r, absolute(r, in->new_user_url)),
	    db_text(r, absolute(r, error_url.p != NULL ? error_url : STR("/"))),
	    db_text(r, locale_of(r)), db_digest(request_cookie_digest(r, COOKIE_TRUST_DEVICE)),
	    db_digest(request_cookie_digest(r, COOKIE_DEVICE)));
}

/* A path of ours as clients read it in Location; any other URL as it is. */
static struct str
absolute(struct request *r, struct str url)
{
	struct buf out;

	if (url.len == 0 || url.p[0] != '/')
		return url;
	out = arena_buf(&r->arena, config.base_origin.len + url.len + 1);
	buf_str(&out, config.base_origin);
	buf_str(&out, url);
	return buf_view(&out);
}
