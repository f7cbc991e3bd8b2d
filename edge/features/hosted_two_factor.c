/*
 * The second factor on our own page (hosted.h): after the sign-in form, or a link in a mail. One
 * field takes a code of the app, of a mail, or a backup code; SQL sees which it is.
 */
#include "db/db.h"
#include "features/hosted.h"
#include "features/two_factor.h"
#include "gates/page_query.h"
#include "http/reply.h"
#include "pages/hosted.h"

enum { COLUMN_APP = 0, COLUMN_BY_MAIL = 1, MARKUP_BYTES_MAX = 512, QUERY_ROOM = 32 };

EMBED(two_factor_html, "pages/two_factor.html");

/* What is shown once it is known how the factor can be. */
struct two_factor_page {
	int status;
	enum word alert, notice;
};

static enum step show(struct request *r, int status, enum word alert, enum word notice);
static enum step page_found(struct request *r);
static enum step page_not_found(struct request *r, enum error e, int retry_after_seconds);
static enum step code_refused(struct request *r, enum error e, int retry_after_seconds);
static enum step code_granted(struct request *r);
static enum step mail_sent(struct request *r);
static struct str waiting_request(const struct request *r);
static struct str send_button(struct request *r, bool by_mail);
static struct str notice_line(struct request *r, enum word notice);

static const struct form_page lookup_form = {page_not_found, page_found};
static const struct form_page code_form = {code_refused, code_granted};
static const struct form_page send_form = {code_refused, mail_sent};

enum step
hosted_two_factor(struct request *r)
{
	return show(r, 200, WORD_COUNT, WORD_COUNT);
}

enum step
hosted_two_factor_asked(struct request *r)
{
	struct str query = waiting_request(r);
	struct buf location;

	if (query.len == 0)
		query = hosted_link_query(r);
	location = arena_buf(&r->arena, query.len + QUERY_ROOM);
	buf_str(&location, STR("/two-factor?"));
	buf_str(&location, query);
	return reply_redirect(r, 303, buf_view(&location));
}

enum step
hosted_two_factor_sent(struct request *r)
{
	r->form = &code_form;
	return two_factor_verify_any(r);
}

enum step
hosted_two_factor_mail(struct request *r)
{
	r->form = &send_form;
	return two_factor_send(r);
}

static enum step
show(struct request *r, int status, enum word alert, enum word notice)
{
	struct two_factor_page *page = arena_alloc(&r->arena, sizeof(*page));

	*page = (struct two_factor_page){status, alert, notice};
	r->state = page;
	r->form = &lookup_form;
	return db_call(r, CALL_TWO_FACTOR_PAGE, page_found,
	    db_digest(request_cookie_digest(r, COOKIE_TWO_FACTOR)));
}

static enum step
page_found(struct request *r)
{
	const struct two_factor_page *page = r->state;
	struct str query = waiting_request(r), back = hosted_back(r);
	bool by_app, by_mail;

	if (row_count(r->answer) != 1)
		return hosted_login_again(r);
	by_app = row_bool(r->answer, 0, COLUMN_APP);
	by_mail = row_bool(r->answer, 0, COLUMN_BY_MAIL);
	const struct template_value values[] = {
	    hosted_alert(r, page->alert),
	    {.name = "notice", .value = notice_line(r, page->notice), .is_markup = true},
	    {.name = "text",
		.value = hosted_word(r, !by_mail ? WORD_two_factor_app
					: by_app ? WORD_two_factor_app_or_mail
						 : WORD_two_factor_mail)},
	    {.name = "oauth_query", .value = query},
	    {.name = "query", .value = query.len > 0 ? query : hosted_link_query(r)},
	    {.name = "back", .value = back.p != NULL ? back : STR("/signed-in")},
	    {.name = "send", .value = send_button(r, by_mail), .is_markup = true},
	};
	return hosted_show(r, page->status, (struct embedded)EMBEDDED(two_factor_html),
	    hosted_word(r, WORD_two_factor_title), query.len > 0 ? hosted_trusted_target(r) : back,
	    values, sizeof(values) / sizeof(values[0]));
}

static enum step
page_not_found(struct request *r, enum error e, int retry_after_seconds)
{
	(void)retry_after_seconds;
	return hosted_message(
	    r, error_info(e)->status, WORD_failed, hosted_error_word(e), WORD_sign_up_login);
}

static enum step
code_refused(struct request *r, enum error e, int retry_after_seconds)
{
	(void)retry_after_seconds;
	if (e == ERR_INVALID_TWO_FACTOR_COOKIE || e == ERR_TOO_MANY_ATTEMPTS_REQUEST_NEW_CODE)
		return hosted_login_again(r);
	return show(r, error_info(e)->status, hosted_error_word(e), WORD_COUNT);
}

static enum step
code_granted(struct request *r)
{
	struct str back = hosted_back(r);

	if (waiting_request(r).len > 0)
		return hosted_went_on(r);
	return reply_redirect(r, 303, back.p != NULL ? back : STR("/signed-in"));
}

static enum step
mail_sent(struct request *r)
{
	return show(r, 200, WORD_COUNT, WORD_two_factor_sent);
}

/* The authorization request behind the sign-in, with its signature; empty: none. */
static struct str
waiting_request(const struct request *r)
{
	return r->waiting != NULL ? r->waiting->text : STR("");
}

static struct str
send_button(struct request *r, bool by_mail)
{
	struct buf markup = arena_buf(&r->arena, MARKUP_BYTES_MAX);

	if (by_mail) {
		buf_str(&markup,
		    STR("<button type=\"submit\" class=\"quiet\" formaction=\"/two-factor/mail\" "
			"formnovalidate>"));
		buf_str(&markup, hosted_word(r, WORD_two_factor_send)); /* ours */
		buf_str(&markup, STR("</button>\n"));
	}
	return buf_view(&markup);
}

static struct str
notice_line(struct request *r, enum word notice)
{
	struct buf markup = arena_buf(&r->arena, MARKUP_BYTES_MAX);

	if (notice != WORD_COUNT) {
		buf_str(&markup, STR("<p class=\"notice\" role=\"status\">"));
		buf_str(&markup, hosted_word(r, notice)); /* ours */
		buf_str(&markup, STR("</p>\n"));
	}
	return buf_view(&markup);
}
