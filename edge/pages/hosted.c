/* Pages inside the layout (hosted.h). The style is inlined and allowed by its hash. */
#include "pages/hosted.h"

#include "config.h"
#include "form.h"
#include "http/locale.h"
#include "http/reply.h"
#include "pages/brand.h"

enum { PAGE_BYTES_MAX = 96 * 1024, CONTENT_BYTES_MAX = 32 * 1024 };
enum {
	POLICY_BYTES_MAX = 1024,
	VALUES_MAX = 16,
	ALERT_BYTES_MAX = 512,
	LINK_BYTES_MAX = 2048,
	FOOTER_ROOM = 256
};

EMBED(frame_html, "pages/frame.html");
EMBED(message_html, "pages/message.html");

static const struct {
	const char *name, *german, *english;
} words[WORD_COUNT] = {
#define WORD(name, german, english) {#name, german, english},
#include "pages/words.def"
#undef WORD
};

static enum step
show_message(struct request *r, int status, struct str heading, struct str text, struct str markup);
static struct str footer(struct request *r);
static void footer_link(struct buf *out, struct request *r, struct str url, enum word word);
static bool has_script(const struct template_value *values, size_t count);
static struct str app_behind(struct request *r, struct str target);
static bool is_loopback(struct str uri);
static bool is_scheme_of_app(struct str scheme);
static void policy_write(struct buf *out, struct str target, bool with_script);

struct str
hosted_word(const struct request *r, enum word word)
{
	return str_from(
	    str_equal(locale_of(r), STR("en")) ? words[word].english : words[word].german);
}

enum word
hosted_error_word(enum error e)
{
	switch (e) {
	case ERR_INVALID_EMAIL_OR_PASSWORD:
	case ERR_INVALID_CREDENTIALS:
		return WORD_bad_credentials;
	case ERR_EMAIL_NOT_VERIFIED:
		return WORD_bad_unverified;
	case ERR_INVALID_CODE:
	case ERR_INVALID_BACKUP_CODE:
	case ERR_OTP_HAS_EXPIRED:
		return WORD_bad_code;
	case ERR_ACCOUNT_LOCKED:
	case ERR_ACCOUNT_TEMPORARILY_LOCKED:
	case ERR_RATE_LIMITED:
		return WORD_bad_too_many;
	case ERR_INVALID_EMAIL:
	case ERR_VALIDATION_ERROR:
		return WORD_bad_email;
	case ERR_PASSWORD_TOO_SHORT:
	case ERR_PASSWORD_TOO_LONG:
		return WORD_bad_password_length;
	case ERR_PASSWORD_COMPROMISED:
		return WORD_bad_password_weak;
	case ERR_UNAUTHORIZED:
		return WORD_bad_session;
	case ERR_INVALID_TOKEN:
	case ERR_OAUTH_INVALID_REQUEST:
		return WORD_failed_text;
	default:
		return WORD_bad_other;
	}
}

enum step
hosted_show(struct request *r, int status, struct embedded page, struct str title,
    struct str target, const struct template_value *given, size_t count)
{
	struct template_value values[WORD_COUNT + VALUES_MAX];
	struct buf content = arena_buf(&r->arena, CONTENT_BYTES_MAX),
		   html = arena_buf(&r->arena, PAGE_BYTES_MAX),
		   policy = arena_buf(&r->arena, POLICY_BYTES_MAX);
	struct str missing;

	for (size_t i = 0; i < WORD_COUNT; i++)
		values[i] = (struct template_value){
		    .name = words[i].name, .value = hosted_word(r, (enum word)i)};
	for (size_t i = 0; i < count && i < VALUES_MAX; i++)
		values[WORD_COUNT + i] = given[i];
	if (!template_render(
		&content, &missing, embedded_text(page), TEMPLATE_HTML, values, WORD_COUNT + count))
		return reply_error(r, ERR_INTERNAL);
	const struct template_value outer[] = {
	    {.name = "language", .value = locale_of(r)},
	    {.name = "title", .value = title},
	    {.name = "brand", .value = config.brand_name},
	    {.name = "icon", .value = brand()->icon},
	    {.name = "logo", .value = brand()->logo, .is_markup = true},
	    {.name = "style", .value = brand()->style, .is_markup = true},
	    {.name = "footer", .value = footer(r), .is_markup = true},
	    {.name = "content", .value = buf_view(&content), .is_markup = true},
	};
	if (!template_render(&html, &missing, embedded_text((struct embedded)EMBEDDED(frame_html)),
		TEMPLATE_HTML, outer, sizeof(outer) / sizeof(outer[0])))
		return reply_error(r, ERR_INTERNAL);
	policy_write(&policy, app_behind(r, target), has_script(given, count));
	return reply_html(r, status, buf_view(&html), buf_view(&policy));
}

/* The links that law or custom wants below every page, where they are configured. */
static struct str
footer(struct request *r)
{
	struct buf out = arena_buf(
	    &r->arena, 12 * (config.brand_imprint.len + config.brand_privacy.len) + FOOTER_ROOM);

	if (config.brand_imprint.len == 0 && config.brand_privacy.len == 0)
		return STR("");
	buf_str(&out, STR("<footer>"));
	footer_link(&out, r, config.brand_imprint, WORD_w_imprint);
	footer_link(&out, r, config.brand_privacy, WORD_w_privacy);
	buf_str(&out, STR("</footer>\n"));
	return buf_view(&out);
}

static void
footer_link(struct buf *out, struct request *r, struct str url, enum word word)
{
	struct str missing;
	const struct template_value values[] = {
	    {.name = "url", .value = url},
	    {.name = "word", .value = hosted_word(r, word)},
	};

	if (url.len > 0)
		out->overflow |= !template_render(
		    out, &missing, STR("<a href=\"{url}\">{word}</a>"), TEMPLATE_HTML, values, 2);
}

static bool
has_script(const struct template_value *values, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(values[i].name, "script") == 0 && values[i].value.len > 0)
			return true;
	return false;
}

/* An authorization request that goes on from our own address leads to where its client waits.
 * Nobody has signed it here; SQL decides where it goes in the end. */
static struct str
app_behind(struct request *r, struct str target)
{
	struct str path = target, start, query, uri;
	struct form *request;
	struct buf memory;

	if (str_starts(target, config.base_origin))
		path = str_skip(target, config.base_origin.len);
	if (!str_starts(path, STR("/api/auth/oauth2/authorize?")))
		return target;
	(void)str_cut(&start, &query, path, '?'); /* the prefix ends in one */
	request = arena_alloc(&r->arena, sizeof(*request));
	memory = arena_buf(&r->arena, query.len + 1);
	if (form_read(request, &memory, query) != FORM_OK)
		return target;
	uri = form_value(request, STR("redirect_uri"));
	return uri.len > 0 ? uri : target;
}

/* Browsers apply form-action to every redirect behind a form, a client's own ones included, so it
 * can name no single origin: other sites are reached by https only (http where we are http
 * ourselves, or for an app that listens on this machine), and an app by its scheme. */
static void
policy_write(struct buf *out, struct str target, bool with_script)
{
	struct str scheme, rest;

	buf_str(out, STR("default-src 'none'; img-src data:; style-src 'sha256-"));
	buf_str(out, brand()->style_hash);
	if (with_script)
		buf_str(out, STR("'; script-src 'self'; connect-src 'self"));
	buf_str(out, STR("'; base-uri 'none'; frame-ancestors 'none'; form-action 'self'"));
	if (target.p == NULL)
		return;
	buf_str(out, STR(" https:"));
	if (str_starts(config.base_url, STR("http://")) || is_loopback(target))
		buf_str(out, STR(" http:"));
	if (str_starts(target, STR("/")) || !str_cut(&scheme, &rest, target, ':') ||
	    !is_scheme_of_app(scheme))
		return;
	buf_char(out, ' ');
	buf_str(out, scheme);
	buf_char(out, ':');
}

/* RFC 8252, section 7.3. CSP has no way to name an IPv6 address, nor every port of one host. */
static bool
is_loopback(struct str uri)
{
	return str_starts(uri, STR("http://127.0.0.1:")) ||
	       str_starts(uri, STR("http://127.0.0.1/")) || str_starts(uri, STR("http://[::1]:")) ||
	       str_starts(uri, STR("http://[::1]/")) || str_starts(uri, STR("http://localhost:")) ||
	       str_starts(uri, STR("http://localhost/"));
}

/* One that RFC 3986 allows, and that browsers do not act on themselves. */
static bool
is_scheme_of_app(struct str scheme)
{
	static const char *const of_browsers[] = {"https", "http", "javascript", "data", "vbscript",
	    "file", "about", "blob", "filesystem", "view-source"};

	for (size_t i = 0; i < sizeof(of_browsers) / sizeof(of_browsers[0]); i++)
		if (str_equal_nocase(scheme, str_from(of_browsers[i])))
			return false;
	for (size_t i = 0; i < scheme.len; i++) {
		char c = str_lower(scheme.p[i]);

		if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '-' ||
			c == '+'))
			return false;
	}
	return scheme.len > 0;
}

enum step
hosted_message(struct request *r, int status, enum word heading, enum word text, enum word link)
{
	return hosted_say(r, status, hosted_word(r, heading), hosted_word(r, text),
	    link != WORD_COUNT ? STR("/login") : STR_NONE, link);
}

enum step
hosted_say(struct request *r, int status, struct str heading, struct str text, struct str href,
    enum word label)
{
	struct buf markup = arena_buf(&r->arena, LINK_BYTES_MAX);
	struct str missing;

	if (href.p != NULL) {
		const struct template_value link[] = {
		    {.name = "href", .value = href},
		    {.name = "label", .value = hosted_word(r, label)},
		};
		if (!template_render(&markup, &missing,
			label == WORD_sign_up_login
			    ? STR("<p class=\"links\"><a href=\"{href}\">{label}</a></p>\n")
			    : STR("<a class=\"button\" href=\"{href}\">{label}</a>\n"),
			TEMPLATE_HTML, link, 2))
			return reply_error(r, ERR_INTERNAL);
	}
	return show_message(r, status, heading, text, buf_view(&markup));
}

enum step
hosted_explain(struct request *r, int status, enum word heading, enum word text, struct str markup)
{
	return show_message(r, status, hosted_word(r, heading), hosted_word(r, text), markup);
}

static enum step
show_message(struct request *r, int status, struct str heading, struct str text, struct str markup)
{
	const struct template_value values[] = {
	    {.name = "heading", .value = heading},
	    {.name = "text", .value = text},
	    {.name = "link", .value = markup, .is_markup = true},
	};

	return hosted_show(r, status, (struct embedded)EMBEDDED(message_html), heading, STR_NONE,
	    values, sizeof(values) / sizeof(values[0]));
}

struct template_value
hosted_script(struct request *r, const char *path)
{
	struct buf markup = arena_buf(&r->arena, ALERT_BYTES_MAX);

	if (path != NULL) {
		buf_str(&markup, STR("<script src=\""));
		buf_str(&markup, str_from(path));
		buf_str(&markup, STR("\" defer></script>\n"));
	}
	return (struct template_value){
	    .name = "script", .value = buf_view(&markup), .is_markup = true};
}

struct template_value
hosted_alert(struct request *r, enum word word)
{
	struct buf markup = arena_buf(&r->arena, ALERT_BYTES_MAX);

	if (word != WORD_COUNT) {
		buf_str(&markup, STR("<p id=\"alert\" class=\"alert\" role=\"alert\"><span>"));
		buf_str(&markup, hosted_word(r, word)); /* ours, from words.def */
		buf_str(&markup, STR("</span></p>\n"));
	}
	return (struct template_value){
	    .name = "alert", .value = buf_view(&markup), .is_markup = true};
}
