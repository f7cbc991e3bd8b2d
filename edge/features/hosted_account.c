/* Forgotten passwords, and the pages that only say something (hosted.h). */
#include "config.h"
#include "db/db.h"
#include "features/hosted.h"
#include "features/password_reset.h"
#include "form.h"
#include "http/reply.h"
#include "pages/hosted.h"

EMBED(forgot_html, "pages/forgot.html");
EMBED(reset_html, "pages/reset.html");
EMBED(sign_out_html, "pages/sign_out.html");

static enum step show_forgot(struct request *r, int status, enum word alert);
static enum step forgot_refused(struct request *r, enum error e, int retry_after_seconds);
static enum step forgot_granted(struct request *r);
static enum step show_reset(struct request *r, int status, struct str token, enum word alert);
static enum step reset_refused(struct request *r, enum error e, int retry_after_seconds);
static enum step reset_granted(struct request *r);
static struct str query_or_empty(const struct request *r, struct str name);

static const struct form_page forgot_form = {forgot_refused, forgot_granted};
static const struct form_page reset_form = {reset_refused, reset_granted};

enum step
hosted_forgot(struct request *r)
{
	return show_forgot(r, 200, WORD_COUNT);
}

enum step
hosted_forgot_sent(struct request *r)
{
	r->form = &forgot_form;
	return db_call(r, CALL_PASSWORD_REQUEST_RESET, reply_relay);
}

static enum step
show_forgot(struct request *r, int status, enum word alert)
{
	const struct template_value values[] = {hosted_alert(r, alert)};

	return hosted_show(r, status, (struct embedded)EMBEDDED(forgot_html),
	    hosted_word(r, WORD_forgot_title), STR_NONE, values, 1);
}

static enum step
forgot_refused(struct request *r, enum error e, int retry_after_seconds)
{
	(void)retry_after_seconds;
	return show_forgot(r, error_info(e)->status, hosted_error_word(e));
}

static enum step
forgot_granted(struct request *r)
{
	return hosted_message(r, 200, WORD_sign_up_sent, WORD_forgot_sent_text, WORD_sign_up_login);
}

enum step
hosted_reset(struct request *r)
{
	struct str token = form_value(r->sent, STR("token"));

	return token.len > 0 ? show_reset(r, 200, token, WORD_COUNT) : hosted_failed(r);
}

enum step
hosted_reset_sent(struct request *r)
{
	r->form = &reset_form;
	return password_reset(r);
}

static enum step
show_reset(struct request *r, int status, struct str token, enum word alert)
{
	const struct template_value values[] = {
	    hosted_alert(r, alert),
	    {.name = "token", .value = token},
	};

	return hosted_show(r, status, (struct embedded)EMBEDDED(reset_html),
	    hosted_word(r, WORD_reset_title), STR_NONE, values, 2);
}

static enum step
reset_refused(struct request *r, enum error e, int retry_after_seconds)
{
	struct str token = form_value(r->sent, STR("token"));

	(void)retry_after_seconds;
	return show_reset(
	    r, error_info(e)->status, token.p != NULL ? token : STR(""), hosted_error_word(e));
}

static enum step
reset_granted(struct request *r)
{
	return hosted_message(r, 200, WORD_reset_done, WORD_reset_done_text, WORD_login_button);
}

enum step
hosted_sign_out(struct request *r)
{
	struct str back = query_or_empty(r, STR("post_logout_redirect_uri"));
	const struct template_value values[] = {
	    {.name = "client_id", .value = query_or_empty(r, STR("client_id"))},
	    {.name = "back", .value = back},
	    {.name = "state", .value = query_or_empty(r, STR("state"))},
	};

	return hosted_show(r, 200, (struct embedded)EMBEDDED(sign_out_html),
	    hosted_word(r, WORD_sign_out_title), back, values, 3);
}

static struct str
query_or_empty(const struct request *r, struct str name)
{
	struct str value = form_value(r->sent, name);

	return value.p != NULL ? value : STR("");
}

enum step
hosted_signed_out(struct request *r)
{
	return hosted_message(r, 200, WORD_signed_out, WORD_signed_out_text, WORD_login_button);
}

enum step
hosted_signed_in(struct request *r)
{
	return hosted_message(r, 200, WORD_signed_in, WORD_signed_out_text, WORD_COUNT);
}

/* Where a link in a mail leads that names no other place; `error` says that the link did not work.
 */
enum step
hosted_start(struct request *r)
{
	if (form_value(r->sent, STR("error")).p != NULL)
		return hosted_message(r, 200, WORD_failed, WORD_failed_text, WORD_sign_up_login);
	return hosted_say(r, 200, config.brand_name, hosted_word(r, WORD_start_text), STR("/login"),
	    WORD_sign_up_login);
}

/* Says nothing of what the query holds: there is nothing to inject. */
enum step
hosted_failed(struct request *r)
{
	return hosted_message(r, r->route->path[1] == 'a' ? 200 : 400, WORD_failed,
	    WORD_failed_text, WORD_sign_up_login);
}
