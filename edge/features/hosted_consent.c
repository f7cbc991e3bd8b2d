/* Consent on our own page, and where a form leads in the end (hosted.h). */
#include "db/db.h"
#include "features/hosted.h"
#include "features/oidc_authorize.h"
#include "features/oidc_request.h"
#include "features/two_factor.h"
#include "gates/page_query.h"
#include "http/locale.h"
#include "http/reply.h"
#include "pages/hosted.h"
#include "uri.h"

enum { SCOPES_ROOM = 4096, HTML_EXPANSION = 6, ORIGIN_BYTES = 512 };
enum column { CLIENT, EMAIL, WORDS };

EMBED(consent_html, "pages/consent.html");

static enum step client_found(struct request *r);
static struct str asked_scopes(const struct request *r);
static struct str scope_items(struct request *r, struct str scopes, struct str words);
static void scope_item(struct buf *out, struct request *r, struct str scope, struct str words);
static struct str host_of(struct request *r, struct str uri);
static enum step consent_refused(struct request *r, enum error e, int retry_after_seconds);

static const struct form_page consent_form = {consent_refused, hosted_went_on};

enum step
hosted_consent(struct request *r)
{
	if (r->waiting == NULL)
		return hosted_failed(r);
	return db_call(r, CALL_OIDC_CONSENT_PAGE, client_found,
	    db_text(r, page_query_value(r->waiting, STR("client_id"))), db_text(r, asked_scopes(r)),
	    db_text(r, locale_of(r)));
}

static struct str
asked_scopes(const struct request *r)
{
	struct str scopes = page_query_value(r->waiting, STR("scope"));

	return scopes.p != NULL ? scopes : STR("openid"); /* as SQL takes it */
}

static enum step
client_found(struct request *r)
{
	struct str target = hosted_trusted_target(r), scopes = asked_scopes(r);

	if (row_count(r->answer) != 1)
		return hosted_login_again(r);
	const struct template_value values[] = {
	    {.name = "client", .value = row_text(r->answer, 0, CLIENT)},
	    {.name = "email", .value = row_text(r->answer, 0, EMAIL)},
	    {.name = "scopes",
		.value = scope_items(r, scopes, row_text(r->answer, 0, WORDS)),
		.is_markup = true},
	    {.name = "host", .value = host_of(r, target)},
	    {.name = "query", .value = r->waiting->text},
	};
	return hosted_show(r, 200, (struct embedded)EMBEDDED(consent_html),
	    hosted_word(r, WORD_consent_title), target, values, sizeof(values) / sizeof(values[0]));
}

/* What each scope means, in our words, in those of the client's registration (a line each, in the
 * order of the scopes), or by its name: nothing is allowed that was not shown. */
static struct str
scope_items(struct request *r, struct str scopes, struct str words)
{
	struct buf out =
	    arena_buf(&r->arena, SCOPES_ROOM + 2 * HTML_EXPANSION * (scopes.len + words.len));
	bool more = scopes.len > 0, offline = false;

	while (more) {
		struct str scope, line;

		more = str_cut(&scope, &scopes, scopes, ' ');
		(void)str_cut(&line, &words, words, '\n'); /* the last one ends the list */
		if (str_equal(scope, STR("offline_access")))
			offline = true; /* "all of that also": at the end */
		else if (scope.len > 0)
			scope_item(&out, r, scope, line);
	}
	if (offline)
		scope_item(&out, r, STR("offline_access"), STR_NONE);
	return buf_view(&out);
}

static void
scope_item(struct buf *out, struct request *r, struct str scope, struct str words)
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
	struct str missing, text = words, name = STR("");

	if (words.len == 0) {
		text = hosted_word(r, WORD_scope_other);
		name = scope;
	}
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (str_equal(scope, str_from(known[i].scope))) {
			text = hosted_word(r, known[i].word);
			name = STR("");
		}
	const struct template_value values[] = {
	    {.name = "text", .value = text}, {.name = "name", .value = name}};

	out->overflow |= !template_render(out, &missing,
	    name.len > 0 ? STR("<li><span>{text} <strong>{name}</strong></span></li>\n")
			 : STR("<li><span>{text}</span></li>\n"),
	    TEMPLATE_HTML, values, 2);
}

/* Where the browser is sent: the host of a site, or the scheme of an app. */
static struct str
host_of(struct request *r, struct str uri)
{
	struct buf origin = arena_buf(&r->arena, ORIGIN_BYTES);
	struct str scheme, rest;

	if (!uri_origin(&origin, uri))
		return str_cut(&scheme, &rest, uri, ':') ? scheme : uri;
	(void)str_cut(&scheme, &rest, buf_view(&origin), '/');
	return str_skip(rest, 1);
}

enum step
hosted_consent_sent(struct request *r)
{
	r->form = &consent_form;
	return oidc_consent(r);
}

static enum step
consent_refused(struct request *r, enum error e, int retry_after_seconds)
{
	(void)retry_after_seconds;
	if (e == ERR_UNAUTHORIZED)
		return hosted_login_again(r);
	return hosted_message(
	    r, error_info(e)->status, WORD_failed, hosted_error_word(e), WORD_COUNT);
}

/* A session is open, or a consent given: on to where SQL says, else to where nothing waits. */
enum step
hosted_went_on(struct request *r)
{
	struct str location = oidc_answer_location(r);

	if (row_int(r->answer, 0, REPLY_STATUS, 200) >= 400)
		return hosted_failed(r);
	if (two_factor_is_asked(r))
		return hosted_two_factor_asked(r);
	return location.p != NULL ? oidc_answer_browser(r, 303)
				  : reply_redirect(r, 303, STR("/signed-in"));
}

struct str
hosted_form_value(const struct request *r, struct str name)
{
	return r->method == METHOD_POST ? form_value(r->sent, name) : STR_NONE;
}

struct str
hosted_trusted_target(const struct request *r)
{
	return page_query_value(r->waiting, STR("redirect_uri"));
}
