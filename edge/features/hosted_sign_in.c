/* Sign-in, sign-up and consent on our own pages (hosted.h). */
#include "config.h"
#include "db/db.h"
#include "features/hosted.h"
#include "features/oidc_authorize.h"
#include "features/oidc_request.h"
#include "features/sign_in.h"
#include "features/sign_up.h"
#include "gates/gates.h"
#include "http/reply.h"
#include "pages/hosted.h"
#include "uri.h"

enum { SCOPES_BYTES_MAX = 2048, COLUMN_NAME = 0, COLUMN_EMAIL = 1 };

EMBED(login_html, "pages/login.html");
EMBED(sign_up_html, "pages/sign_up.html");
EMBED(consent_html, "pages/consent.html");

static enum step show_login(struct request *r, int status, struct str query, enum word alert);
static enum step login_refused(struct request *r, enum error e, int retry_after_seconds);
static enum step show_sign_up(struct request *r, int status, struct str restart, enum word alert);
static enum step sign_up_refused(struct request *r, enum error e, int retry_after_seconds);
static enum step sign_up_granted(struct request *r);
static enum step client_found(struct request *r);
static enum step went_on(struct request *r);
static struct str form_value(struct request *r, struct str name);
static struct str back(struct request *r);
static struct str link_query(struct request *r);
static struct str trusted_target(struct request *r, struct str query);
static struct str restart_path(struct request *r, struct str query);
static struct str scope_items(struct request *r, struct str query);

static const struct form_page login_form = {login_refused, went_on};
static const struct form_page sign_up_form = {sign_up_refused, sign_up_granted};

enum step
hosted_login(struct request *r)
{
	return show_login(r, 200, r->query, WORD_COUNT);
}

enum step
hosted_login_sent(struct request *r)
{
	r->form = &login_form;
	return sign_in(r);
}

static enum step
login_refused(struct request *r, enum error e, int retry_after_seconds)
{
	(void)retry_after_seconds;
	return show_login(
	    r, error_info(e)->status, form_value(r, STR("oauth_query")), hosted_error_word(e));
}

static enum step
show_login(struct request *r, int status, struct str query, enum word alert)
{
	struct str target = trusted_target(r, query), email = form_value(r, STR("email"));

	if (target.p == NULL)
		query = STR("");
	else if (email.p == NULL)
		email = oidc_query_value(r, query, STR("login_hint"));
	const struct template_value values[] = {
	    hosted_alert(r, alert),
	    {.name = "oauth_query", .value = query},
	    {.name = "query", .value = target.p != NULL ? query : link_query(r)},
	    {.name = "back", .value = back(r).p != NULL ? back(r) : STR("/signed-in")},
	    {.name = "email", .value = email.p != NULL ? email : STR("")},
	    hosted_script(r, config.webauthn_rp_id.len > 0 ? "/passkey.js" : NULL),
	};
	return hosted_show(r, status, (struct embedded)EMBEDDED(login_html),
	    hosted_word(r, WORD_login_title), target.p != NULL ? target : back(r), values,
	    sizeof(values) / sizeof(values[0]));
}

enum step
hosted_sign_up(struct request *r)
{
	struct str restart = restart_path(r, r->query);

	return show_sign_up(r, 200, restart.p != NULL ? restart : back(r), WORD_COUNT);
}

enum step
hosted_sign_up_sent(struct request *r)
{
	r->form = &sign_up_form;
	return sign_up(r);
}

static enum step
sign_up_refused(struct request *r, enum error e, int retry_after_seconds)
{
	(void)retry_after_seconds;
	return show_sign_up(
	    r, error_info(e)->status, form_value(r, STR("callbackURL")), hosted_error_word(e));
}

static enum step
show_sign_up(struct request *r, int status, struct str restart, enum word alert)
{
	struct str email = form_value(r, STR("email")), name = form_value(r, STR("name"));
	const struct template_value values[] = {
	    hosted_alert(r, alert),
	    {.name = "restart", .value = restart.p != NULL ? restart : STR("/signed-in")},
	    {.name = "query", .value = r->method == METHOD_POST ? link_query(r) : r->query},
	    {.name = "name", .value = name.p != NULL ? name : STR("")},
	    {.name = "email", .value = email.p != NULL ? email : STR("")},
	};

	return hosted_show(r, status, (struct embedded)EMBEDDED(sign_up_html),
	    hosted_word(r, WORD_sign_up_title), STR_NONE, values,
	    sizeof(values) / sizeof(values[0]));
}

static enum step
sign_up_granted(struct request *r)
{
	return hosted_message(r, 200, WORD_sign_up_sent, WORD_sign_up_sent_text, WORD_COUNT);
}

enum step
hosted_consent(struct request *r)
{
	if (trusted_target(r, r->query).p == NULL)
		return hosted_failed(r);
	return db_call(r, CALL_OIDC_CONSENT_PAGE, client_found,
	    db_text(r, oidc_query_value(r, r->query, STR("client_id"))));
}

static enum step
client_found(struct request *r)
{
	struct str scopes;

	if (row_count(r->answer) != 1)
		return show_login(r, 401, r->query, WORD_bad_session);
	scopes = scope_items(r, r->query);
	const struct template_value values[] = {
	    {.name = "client", .value = row_text(r->answer, 0, COLUMN_NAME)},
	    {.name = "email", .value = row_text(r->answer, 0, COLUMN_EMAIL)},
	    {.name = "scopes", .value = scopes, .is_markup = true},
	    {.name = "oauth_query", .value = r->query},
	};
	return hosted_show(r, 200, (struct embedded)EMBEDDED(consent_html),
	    hosted_word(r, WORD_consent_title), trusted_target(r, r->query), values,
	    sizeof(values) / sizeof(values[0]));
}

/* What each scope means; one that has no words of its own is not shown by name, for it is a
 * client's. */
static struct str
scope_items(struct request *r, struct str query)
{
	static const struct {
		const char *scope;
		enum word word;
	} known[] = {
	    {"openid", WORD_scope_openid},
	    {"profile", WORD_scope_profile},
	    {"email", WORD_scope_email},
	    {"offline_access", WORD_scope_offline_access},
	};
	struct buf out = arena_buf(&r->arena, SCOPES_BYTES_MAX);
	struct str rest = oidc_query_value(r, query, STR("scope")), scope;
	bool more = rest.len > 0;

	while (more) {
		more = str_cut(&scope, &rest, rest, ' ');
		for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
			if (!str_equal(scope, str_from(known[i].scope)))
				continue;
			buf_str(&out, STR("<li>"));
			buf_str(&out, hosted_word(r, known[i].word));
			buf_str(&out, STR("</li>\n"));
		}
	}
	return buf_view(&out);
}

enum step
hosted_consent_sent(struct request *r)
{
	r->form = &login_form;
	return oidc_consent(r);
}

/* A session is open, or a consent given: on to where SQL says, else to where nothing waits. Only
 * what belongs to an authorization request is signed; any other place was named by the form. */
static enum step
went_on(struct request *r)
{
	struct str location = form_value(r, STR("oauth_query")).len > 0
				  ? oidc_answer_location(r)
				  : row_text(r->answer, 0, REPLY_LOCATION);

	if (row_int(r->answer, 0, REPLY_STATUS, 200) >= 400)
		return hosted_failed(r);
	return reply_redirect(r, 303, location.p != NULL ? location : STR("/signed-in"));
}

static struct str
form_value(struct request *r, struct str name)
{
	return r->method == METHOD_POST ? oidc_query_value(r, r->body, name) : STR_NONE;
}

/* Where a sign-in without an authorization request leads: a place that is trusted; STR_NONE:
 * nowhere was named. */
static struct str
back(struct request *r)
{
	struct str url =
	    oidc_query_value(r, r->method == METHOD_POST ? r->body : r->query, STR("callbackURL"));

	return url.len > 0 && target_is_trusted(url) ? url : STR_NONE;
}

/* The same as a query, for the links between sign-in and sign-up. */
static struct str
link_query(struct request *r)
{
	struct str url = back(r);
	struct buf query = arena_buf(&r->arena, 3 * url.len + 32);

	if (url.p != NULL) {
		buf_str(&query, STR("callbackURL="));
		buf_uri(&query, url);
	}
	return buf_view(&query);
}

/* Where a request leads that we have signed; STR_NONE if it is none of ours. */
static struct str
trusted_target(struct request *r, struct str query)
{
	struct str input;

	return query.len > 0 && oidc_request_read(r, &input, query)
		   ? oidc_query_value(r, query, STR("redirect_uri"))
		   : STR_NONE;
}

/* The same request from its beginning, for a link in a mail: a mail takes longer than a signature
 * lasts. */
static struct str
restart_path(struct request *r, struct str query)
{
	static const char *const left_out[] = {"exp", "ba_iat", "ba_param", "sig", "prompt", NULL};
	struct buf out = arena_buf(&r->arena, query.len + 64);
	struct str name, value;
	bool first = true;

	if (trusted_target(r, query).p == NULL)
		return STR_NONE;
	buf_str(&out, STR("/api/auth/oauth2/authorize"));
	while (uri_pair_next(&name, &value, &query)) {
		bool left = false;

		for (int i = 0; left_out[i] != NULL; i++)
			left = left || str_equal(name, str_from(left_out[i]));
		if (left)
			continue;
		buf_char(&out, first ? '?' : '&');
		buf_str(&out, name);
		buf_char(&out, '=');
		buf_str(&out, value);
		first = false;
	}
	return buf_view(&out);
}
