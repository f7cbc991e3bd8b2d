/* See refusal.h. The page is made without the database, so that gates can answer with it. */
#include "pages/refusal.h"

#include "gates/gates.h"
#include "gates/page_query.h"
#include "http/private.h"
#include "http/reply.h"
#include "pages/hosted.h"
#include "routes.h"

enum { MARKUP_ROOM = 1024, HTML_EXPANSION = 6 };

/* Where the form of a path is shown, or what else helps. */
static const struct way {
	const char *path, *page;
	enum word label;
} ways[] = {
    {"/login", "/login", WORD_try_again},
    {"/login-link", "/login", WORD_try_again},
    {"/two-factor", "/two-factor", WORD_try_again},
    {"/two-factor/mail", "/two-factor", WORD_try_again},
    {"/sign-up", "/sign-up", WORD_try_again},
    {"/forgot-password", "/forgot-password", WORD_try_again},
    {"/reset-password", "/forgot-password", WORD_try_again},
    {"/api/auth/oauth2/end-session", "/sign-out", WORD_sign_out_button},
    {"/api/auth/oauth2/endsession", "/sign-out", WORD_sign_out_button},
    {"/api/auth/oauth2/end-session/confirm", "/sign-out", WORD_sign_out_button},
};

static enum word word_of(enum error e);
static struct str link_markup(struct request *r, struct str detail);
static bool append_way(struct buf *out, struct request *r, const struct way *way);

bool
refusal_is_shown(const struct request *r)
{
	if (r->route == NULL || r->private->refusal_shown)
		return false; /* a page that cannot be made is an error like any other */
	return (r->route->flags & (ROUTE_PAGE | ROUTE_HOSTED)) ||
	       ((r->route->flags & ROUTE_PEOPLE) && request_is_navigation(r));
}

enum step
refusal_show(struct request *r, enum error e, struct str detail)
{
	r->private->refusal_shown = true;
	return hosted_explain(
	    r, error_info(e)->status, WORD_failed, word_of(e), link_markup(r, detail));
}

static enum word
word_of(enum error e)
{
	switch (e) {
	case ERR_INVALID_ORIGIN:
	case ERR_MISSING_OR_NULL_ORIGIN:
	case ERR_CROSS_SITE_NAVIGATION_LOGIN_BLOCKED:
		return WORD_refused_origin;
	case ERR_UNSUPPORTED_MEDIA_TYPE:
	case ERR_VALIDATION:
	case ERR_VALIDATION_ERROR:
	case ERR_BAD_REQUEST:
		return WORD_refused_form;
	case ERR_SERVICE_UNAVAILABLE:
		return WORD_refused_busy;
	default:
		break;
	}
	return error_info(e)->status < 500 && hosted_error_word(e) == WORD_bad_other
		   ? WORD_failed_text
		   : hosted_error_word(e);
}

/* The detail, and a way on. */
static struct str
link_markup(struct request *r, struct str detail)
{
	struct str query = r->waiting != NULL ? r->waiting->text : STR("");
	struct buf out =
	    arena_buf(&r->arena, MARKUP_ROOM + HTML_EXPANSION * (detail.len + query.len));
	struct str missing;
	const struct template_value values[] = {{.name = "detail", .value = detail}};

	if (detail.len > 0 &&
	    !template_render(
		&out, &missing, STR("<p class=\"fine\">{detail}</p>\n"), TEMPLATE_HTML, values, 1))
		return STR("");
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++)
		if (str_equal(r->path, str_from(ways[i].path)) && !append_way(&out, r, &ways[i]))
			return STR("");
	return buf_view(&out);
}

static bool
append_way(struct buf *out, struct request *r, const struct way *way)
{
	struct str query = r->waiting != NULL ? r->waiting->text : STR(""), missing;
	const struct template_value values[] = {
	    {.name = "page", .value = str_from(way->page)},
	    {.name = "mark", .value = query.len > 0 ? STR("?") : STR("")},
	    {.name = "query", .value = query},
	    {.name = "label", .value = hosted_word(r, way->label)},
	};

	return template_render(out, &missing,
	    STR("<a class=\"button\" href=\"{page}{mark}{query}\">{label}</a>\n"), TEMPLATE_HTML,
	    values, sizeof(values) / sizeof(values[0]));
}
