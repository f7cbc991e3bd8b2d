/*
 * The link of a verification mail. Its GET verifies only for a program that asks for it
 * (gates/mail_link.c). Others get a page: with a button, or with a question for the password if
 * this is not the browser that signed up.
 *
 * Links of the legacy service hold a JWT under the secret of cookies. They are verified, never
 * made, until LEGACY_LINKS_UNTIL: they mark an address as verified, and do nothing else.
 */
#include "features/verify_email.h"

#include <time.h>

#include "config.h"
#include "db/db.h"
#include "features/verify_email_page.h"
#include "gates/gates.h"
#include "http/reply.h"
#include "json.h"
#include "jwt.h"
#include "keys/signing.h"
#include "numeric_date.h"
#include "pages/page.h"

enum {
	LINK_TOKEN_MAX = 2048,
	CLAIMS_DEPTH = 2,
	CLAIMS = 3,
	LIFE_SECONDS = 3600,
	CLOCK_SKEW_SECONDS = 60
};

struct verify_email_fields {
	struct str token;
	struct str callback_url;
};

static const struct field field_table[] = {
    {"token", FIELD_STRING, FIELD_REQUIRED | FIELD_SECRET | FIELD_SUBJECT,
	.offset = offsetof(struct verify_email_fields, token), .max = LINK_TOKEN_MAX},
    {"callbackURL", FIELD_URL, 0, .offset = offsetof(struct verify_email_fields, callback_url)},
    {NULL},
};
const struct schema verify_email_schema = {field_table, sizeof(struct verify_email_fields)};

struct legacy_link {
	struct str email;
	int64_t expires_at;
};

static enum step verify(struct request *r, bool in_browser);
static enum step page_known(struct request *r);
static enum step show_button(struct request *r);
static enum step opened(struct request *r);
static bool legacy_link_read(struct request *r, struct legacy_link *link, struct str token);

enum step
verify_email_open(struct request *r)
{
	const struct verify_email_fields *in = r->fields;

	if (r->is_head)
		return show_button(r);
	if (mail_link_acts(
		r)) /* each browser says what it fetches for, and is judged as its page */
		return verify(r, request_header(r, STR("sec-fetch-dest")).p != NULL);
	return db_call(r, CALL_VERIFICATION_PAGE, page_known, db_text(r, in->token),
	    db_digest(request_cookie_digest(r, COOKIE_SIGN_UP)));
}

static enum step
page_known(struct request *r)
{
	const struct verify_email_fields *in = r->fields;

	if (row_count(r->answer) == 1 && row_bool(r->answer, 0, 0))
		return verify_email_page_show(
		    r, 200, &(struct verify_email_page){in->token, in->callback_url, WORD_COUNT});
	return show_button(r);
}

static enum step
show_button(struct request *r)
{
	const struct verify_email_fields *in = r->fields;
	const struct page_confirm page = {
	    .german = {STR("E-Mail bestätigen"),
		STR("Ein Klick noch, dann ist deine Adresse bestätigt."), STR("Bestätigen")},
	    .english = {STR("Confirm your e-mail"),
		STR("One more click, and your address is confirmed."), STR("Confirm")},
	    .action = STR("/api/auth/verify-email"),
	    .token = in->token,
	    .callback_url = in->callback_url,
	};

	return page_confirm_show(r, &page);
}

enum step
verify_email(struct request *r)
{
	return verify(r, true);
}

static enum step
verify(struct request *r, bool in_browser)
{
	const struct verify_email_fields *in = r->fields;
	const struct digest *trusted = request_cookie_digest(r, COOKIE_TRUST_DEVICE);
	const struct digest *device = request_cookie_digest(r, COOKIE_DEVICE);
	struct legacy_link link;

	if (legacy_link_read(r, &link, in->token))
		return db_call(r, CALL_VERIFY_EMAIL_LEGACY, reply_relay, db_text(r, link.email),
		    db_int(r, link.expires_at), db_text(r, in->callback_url));
	if (in_browser)
		return db_call(r, CALL_VERIFICATION_OPEN, opened, db_text(r, in->token),
		    db_text(r, in->callback_url), db_digest(trusted), db_digest(device),
		    db_digest(request_cookie_digest(r, COOKIE_SIGN_UP)));
	return db_call(r, CALL_VERIFY_EMAIL, reply_relay, db_text(r, in->token),
	    db_text(r, in->callback_url), db_digest(trusted), db_digest(device));
}

/* Another browser than the one that signed up is asked for the password; a script of a page there
 * is refused. */
static enum step
opened(struct request *r)
{
	const struct verify_email_fields *in = r->fields;

	if (r->method == METHOD_POST && row_count(r->answer) == 1 &&
	    str_equal(row_text(r->answer, 0, REPLY_REFUSAL), STR("SIGN_UP_ELSEWHERE")))
		return verify_email_page_show(r, error_info(ERR_SIGN_UP_ELSEWHERE)->status,
		    &(struct verify_email_page){in->token, in->callback_url, WORD_COUNT});
	return reply_relay(r);
}

/* Exactly what the legacy service made: the header {"alg":"HS256"}, and the claims email, iat and
 * exp, an hour apart. A link that changes an address has more claims; its user asks for a new one.
 */
static bool
legacy_link_read(struct request *r, struct legacy_link *link, struct str token)
{
	static const struct str header = {.p = "eyJhbGciOiJIUzI1NiJ9.", .len = 21};
	struct buf memory = arena_buf(&r->arena, token.len + 1);
	int64_t now = (int64_t)time(NULL);
	json_t *claims = NULL;
	struct jwt jwt;
	bool ok = now < config.legacy_links_until && str_starts(token, header) &&
		  jwt_parse(&jwt, token) && signing_legacy_link_read(&memory, &jwt) &&
		  json_read(&claims, buf_view(&memory),
		      (struct json_limits){.bytes = LINK_TOKEN_MAX, .depth = CLAIMS_DEPTH});

	if (ok) {
		const json_t *iat = json_object_get(claims, "iat"),
			     *exp = json_object_get(claims, "exp");
		int64_t made_at;

		link->email = arena_copy(&r->arena, json_member_str(claims, "email"));
		ok = json_object_size(claims) == CLAIMS && link->email.len > 0 &&
		     json_is_integer(iat) && json_is_integer(exp) && numeric_date(&made_at, iat) &&
		     numeric_date(&link->expires_at, exp) && made_at <= now + CLOCK_SKEW_SECONDS &&
		     link->expires_at - made_at == LIFE_SECONDS;
	}
	json_decref(claims);
	return ok;
}
