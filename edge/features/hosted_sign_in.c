/* Sign-in and sign-up on our own pages (hosted.h). */
#include "config.h"
#include "db/db.h"
#include "email.h"
#include "features/hosted.h"
#include "features/sign_in.h"
#include "features/sign_up.h"
#include "gates/gates.h"
#include "gates/page_query.h"
#include "http/locale.h"
#include "http/reply.h"
#include "mailed.h"
#include "pages/hosted.h"

enum { CLIENT_ROOM = 256, HTML_EXPANSION = 6 };

struct link_fields {
	struct str email;
	struct str callback_url;
	struct str oauth_query;
};
static const struct field link_field_table[] = {
    {"email", FIELD_ADDRESS, FIELD_REQUIRED, .offset = offsetof(struct link_fields, email)},
    {"callbackURL", FIELD_URL, FIELD_MAILED, .offset = offsetof(struct link_fields, callback_url)},
    {"oauth_query", FIELD_STRING, FIELD_SECRET,
	.offset = offsetof(struct link_fields, oauth_query)},
    {NULL},
};
const struct schema hosted_link_schema = {link_field_table, sizeof(struct link_fields)};

EMBED(login_html, "pages/login.html");
EMBED(sign_up_html, "pages/sign_up.html");

/* What is shown once it is known who asks for the sign-in. */
struct login_page {
	int status;
	enum word alert;
};

static enum step show_login(struct request *r, int status, enum word alert);
static enum step client_named(struct request *r);
static enum step client_not_named(struct request *r, enum error e, int retry_after_seconds);
static enum step write_login(struct request *r, struct str client);
static struct str client_line(struct request *r, struct str client);
static enum step login_refused(struct request *r, enum error e, int retry_after_seconds);
static enum step link_granted(struct request *r);
static enum step show_sign_up(struct request *r, int status, struct str restart, enum word alert);
static enum step sign_up_refused(struct request *r, enum error e, int retry_after_seconds);
static enum step sign_up_granted(struct request *r);
static struct str restart_path(struct request *r);
static bool wants_consent(struct str prompts);

static const struct form_page login_form = {login_refused, hosted_went_on};
static const struct form_page client_form = {client_not_named, client_named};
static const struct form_page link_form = {login_refused, link_granted};
static const struct form_page sign_up_form = {sign_up_refused, sign_up_granted};

enum step
hosted_login(struct request *r)
{
	return show_login(r, 200, WORD_COUNT);
}

enum step
hosted_login_again(struct request *r)
{
	return show_login(r, 401, WORD_bad_session);
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
	return show_login(r, error_info(e)->status, hosted_error_word(e));
}

/* Whoever waits behind a request that we have signed is named, so that nobody types a password
 * without knowing for whom. */
static enum step
show_login(struct request *r, int status, enum word alert)
{
	struct login_page *page = arena_alloc(&r->arena, sizeof(*page));

	*page = (struct login_page){status, alert};
	r->state = page;
	if (r->waiting == NULL)
		return write_login(r, STR_NONE);
	r->form = &client_form;
	return db_call(r, CALL_OIDC_CLIENT_NAME, client_named,
	    db_text(r, page_query_value(r->waiting, STR("client_id"))));
}

static enum step
client_named(struct request *r)
{
	return write_login(r, row_count(r->answer) == 1 ? row_text(r->answer, 0, 0) : STR_NONE);
}

/* The page is of use without a name, too. */
static enum step
client_not_named(struct request *r, enum error e, int retry_after_seconds)
{
	struct login_page *page = r->state;

	(void)retry_after_seconds;
	page->status = error_info(e)->status;
	page->alert = hosted_error_word(e);
	return write_login(r, STR_NONE);
}

static enum step
write_login(struct request *r, struct str client)
{
	const struct login_page *page = r->state;
	struct str email = hosted_form_value(r, STR("email"));
	struct str query = r->waiting != NULL ? r->waiting->text : STR("");
	bool failed = page->alert != WORD_COUNT, waits = r->waiting != NULL;

	if (email.p == NULL)
		email = page_query_value(r->waiting, STR("login_hint"));
	const struct template_value values[] = {
	    hosted_alert(r, page->alert),
	    {.name = "client", .value = client_line(r, client), .is_markup = true},
	    {.name = "oauth_query", .value = query},
	    {.name = "query", .value = waits ? query : hosted_link_query(r)},
	    {.name = "back",
		.value = hosted_back(r).p != NULL ? hosted_back(r) : STR("/signed-in")},
	    {.name = "email", .value = email.p != NULL ? email : STR("")},
	    hosted_script(r, config.webauthn_rp_id.len > 0 ? "/passkey.js" : NULL),
	    {.name = "focus_email", .value = email.len == 0 ? STR(" autofocus") : STR("")},
	    {.name = "focus_password", .value = email.len > 0 ? STR(" autofocus") : STR("")},
	    {.name = "described",
		.value = failed ? STR(" aria-describedby=\"alert\"") : STR(""),
		.is_markup = true},
	};
	return hosted_show(r, page->status, (struct embedded)EMBEDDED(login_html),
	    hosted_word(r, WORD_login_title), waits ? hosted_trusted_target(r) : hosted_back(r),
	    values, sizeof(values) / sizeof(values[0]));
}

static struct str
client_line(struct request *r, struct str client)
{
	struct buf out = arena_buf(&r->arena, HTML_EXPANSION * client.len + CLIENT_ROOM);
	struct str missing;
	const struct template_value values[] = {
	    {.name = "text", .value = hosted_word(r, WORD_login_client)},
	    {.name = "client", .value = client},
	};

	if (client.len == 0 ||
	    !template_render(&out, &missing, STR("<p>{text} <strong>{client}</strong></p>\n"),
		TEMPLATE_HTML, values, 2))
		return STR("");
	return buf_view(&out);
}

enum step
hosted_link_sent(struct request *r)
{
	const struct link_fields *in = r->fields;
	struct str restart = restart_path(r);
	bool fits = restart.p != NULL && mailed_url_bytes(restart) <= MAILED_URLS_MAX;

	r->form = &link_form;
	if (!email_valid(in->email))
		return reply_error(r, ERR_INVALID_EMAIL);
	return db_call(r, CALL_MAGIC_LINK_SEND, reply_relay, db_text(r, in->email), db_null(),
	    db_text(r, fits ? restart : in->callback_url), db_null(), db_null(),
	    db_text(r, locale_of(r)));
}

static enum step
link_granted(struct request *r)
{
	return hosted_message(r, 200, WORD_sign_up_sent, WORD_link_sent_text, WORD_sign_up_login);
}

enum step
hosted_sign_up(struct request *r)
{
	struct str restart = restart_path(r);

	return show_sign_up(r, 200, restart.p != NULL ? restart : hosted_back(r), WORD_COUNT);
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
	return show_sign_up(r, error_info(e)->status, hosted_form_value(r, STR("callbackURL")),
	    hosted_error_word(e));
}

static enum step
show_sign_up(struct request *r, int status, struct str restart, enum word alert)
{
	struct str email = hosted_form_value(r, STR("email")),
		   name = hosted_form_value(r, STR("name"));
	bool fits = restart.p != NULL && mailed_url_bytes(restart) <= MAILED_URLS_MAX;
	const struct template_value values[] = {
	    hosted_alert(r, alert),
	    {.name = "restart", .value = fits ? restart : STR("/signed-in")},
	    {.name = "query",
		.value = r->waiting != NULL ? r->waiting->text : hosted_link_query(r)},
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
	return hosted_message(
	    r, 200, WORD_sign_up_sent, WORD_sign_up_sent_text, WORD_sign_up_login);
}

struct str
hosted_back(const struct request *r)
{
	struct str url = form_value(r->sent, STR("callbackURL"));

	return url.len > 0 && target_is_trusted(url) ? url : STR_NONE;
}

struct str
hosted_link_query(struct request *r)
{
	struct str url = hosted_back(r);
	struct buf query = arena_buf(&r->arena, 3 * url.len + 32);

	if (url.p != NULL) {
		buf_str(&query, STR("callbackURL="));
		buf_uri(&query, url);
	}
	return buf_view(&query);
}

/* The same request from its beginning, for a link in a mail, which signs its reader in: what asks
 * for a new sign-in is left out. The client knows by auth_time when that was. */
static struct str
restart_path(struct request *r)
{
	static const char *const left_out[] = {"exp", "ba_iat", "prompt", "max_age", NULL};
	struct buf out, query;

	if (r->waiting == NULL)
		return STR_NONE;
	query = arena_buf(&r->arena, r->waiting->text.len + sizeof("&prompt=consent"));
	for (size_t i = 0; i < r->waiting->form.count; i++) {
		const struct form_pair *pair = &r->waiting->form.pairs[i];
		bool left = false;

		for (int n = 0; left_out[n] != NULL; n++)
			left = left || str_equal(pair->name, str_from(left_out[n]));
		if (!left)
			form_append(&query, pair->name, pair->value);
	}
	if (wants_consent(page_query_value(r->waiting, STR("prompt"))))
		form_append(&query, STR("prompt"), STR("consent"));
	out = arena_buf(&r->arena, query.len + 64);
	buf_str(&out, STR("/api/auth/oauth2/authorize?"));
	buf_str(&out, buf_view(&query));
	return buf_view(&out);
}

static bool
wants_consent(struct str prompts)
{
	struct str prompt;

	while (prompts.len > 0) {
		(void)str_cut(&prompt, &prompts, prompts, ' '); /* the last one ends the list */
		if (str_equal(prompt, STR("consent")))
			return true;
	}
	return false;
}
