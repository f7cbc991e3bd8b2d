/*
 * The page behind the link of an invitation's mail (hosted.h). Who is not signed in is sent to do
 * so and comes back; opening the page changes nothing, so that scanners of mails may.
 */
#include "db/db.h"
#include "features/hosted.h"
#include "form.h"
#include "http/reply.h"
#include "pages/hosted.h"

#define PAGE "/accept-invitation"

enum { STATE, ORGANIZATION, INVITER, EMAIL };
enum { PATH_BYTES_MAX = 512, TEXT_BYTES_MAX = 4096 };

EMBED(invitation_html, "pages/invitation.html");

struct answer_fields {
	struct str invitation_id;
	enum field_bool accept;
};
static const struct field answer_field_table[] = {
    {"invitationId", FIELD_STRING, FIELD_REQUIRED,
	.offset = offsetof(struct answer_fields, invitation_id), .min = 1, .max = 64},
    {"accept", FIELD_BOOL, FIELD_REQUIRED, .offset = offsetof(struct answer_fields, accept)},
    {NULL},
};
const struct schema hosted_invitation_schema = {answer_field_table, sizeof(struct answer_fields)};

static enum step found(struct request *r);
static enum step show_open(struct request *r, struct str id);
static enum step show_gone(struct request *r);
static enum step refused(struct request *r, enum error e, int retry_after_seconds);
static enum step failed(struct request *r, enum error e, int retry_after_seconds);
static enum step granted(struct request *r);
static struct str id_of(struct request *r);
static struct str page_path(struct request *r, struct str id);
static struct str login_path(struct request *r, struct str id);
static struct str sentence(struct request *r, enum word words, struct str name);

static const struct form_page page_form = {failed, found};
static const struct form_page answer_form = {refused, granted};

enum step
hosted_invitation(struct request *r)
{
	if (id_of(r).len == 0)
		return show_gone(r);
	r->form = &page_form;
	return db_call(r, CALL_INVITATION_PAGE, found, db_text(r, id_of(r)));
}

static enum step
found(struct request *r)
{
	struct str state, organization, email;

	if (row_count(r->answer) != 1)
		return reply_error(r, ERR_INTERNAL);
	state = row_text(r->answer, 0, STATE);
	organization = row_text(r->answer, 0, ORGANIZATION);
	email = row_text(r->answer, 0, EMAIL);
	if (str_equal(state, STR("signed_out")))
		return reply_redirect(r, 303, login_path(r, id_of(r)));
	if (str_equal(state, STR("open")))
		return show_open(r, id_of(r));
	if (str_equal(state, STR("member")))
		return hosted_say(r, 200, hosted_word(r, WORD_invitation_member),
		    sentence(r, WORD_invitation_member_text, organization), STR_NONE, WORD_COUNT);
	if (str_equal(state, STR("rejected")))
		return hosted_say(r, 200, hosted_word(r, WORD_invitation_rejected),
		    sentence(r, WORD_invitation_rejected_text, organization), STR_NONE, WORD_COUNT);
	if (str_equal(state, STR("other")))
		return hosted_say(r, 403, hosted_word(r, WORD_invitation_other),
		    sentence(r, WORD_invitation_other_text, email), login_path(r, id_of(r)),
		    WORD_invitation_other_button);
	if (str_equal(state, STR("unverified")))
		return hosted_say(r, 403, hosted_word(r, WORD_bad_unverified),
		    sentence(r, WORD_invitation_unverified_text, email), STR_NONE, WORD_COUNT);
	return show_gone(r);
}

static enum step
show_gone(struct request *r)
{
	return hosted_message(r, 404, WORD_invitation_gone, WORD_invitation_gone_text, WORD_COUNT);
}

static enum step
show_open(struct request *r, struct str id)
{
	const struct template_value values[] = {
	    {.name = "organization", .value = row_text(r->answer, 0, ORGANIZATION)},
	    {.name = "inviter", .value = row_text(r->answer, 0, INVITER)},
	    {.name = "email", .value = row_text(r->answer, 0, EMAIL)},
	    {.name = "id", .value = id},
	};

	return hosted_show(r, 200, (struct embedded)EMBEDDED(invitation_html),
	    hosted_word(r, WORD_invitation_title), STR_NONE, values,
	    sizeof(values) / sizeof(values[0]));
}

enum step
hosted_invitation_sent(struct request *r)
{
	const struct answer_fields *in = r->fields;

	r->form = &answer_form;
	return db_call(r,
	    in->accept == FIELD_TRUE ? CALL_INVITATION_ACCEPT : CALL_INVITATION_REJECT,
	    reply_relay);
}

/* Whatever has become of it, the page tells. */
static enum step
refused(struct request *r, enum error e, int retry_after_seconds)
{
	if (error_info(e)->status >= 500 || e == ERR_RATE_LIMITED)
		return failed(r, e, retry_after_seconds);
	return reply_redirect(r, 303, page_path(r, id_of(r)));
}

static enum step
failed(struct request *r, enum error e, int retry_after_seconds)
{
	(void)retry_after_seconds;
	return hosted_message(
	    r, error_info(e)->status, WORD_invitation_full, hosted_error_word(e), WORD_COUNT);
}

static enum step
granted(struct request *r)
{
	int status = (int)row_int(r->answer, 0, REPLY_STATUS, 200);

	if (status >= 400)
		return hosted_message(
		    r, status, WORD_invitation_full, WORD_invitation_full_text, WORD_COUNT);
	return reply_redirect(r, 303, page_path(r, id_of(r)));
}

/* Empty if there is none. */
static struct str
id_of(struct request *r)
{
	struct str id = r->fields != NULL ? ((const struct answer_fields *)r->fields)->invitation_id
					  : form_value(r->sent, STR("id"));

	return id.p != NULL && id.len <= 64 ? id : STR("");
}

static struct str
page_path(struct request *r, struct str id)
{
	struct buf path = arena_buf(&r->arena, PATH_BYTES_MAX);

	buf_str(&path, STR(PAGE "?id="));
	buf_uri(&path, id);
	return buf_view(&path);
}

static struct str
login_path(struct request *r, struct str id)
{
	struct buf path = arena_buf(&r->arena, 3 * PATH_BYTES_MAX);

	buf_str(&path, STR("/login?callbackURL="));
	buf_uri(&path, page_path(r, id));
	return buf_view(&path);
}

/* The words, the name, a full stop. */
static struct str
sentence(struct request *r, enum word words, struct str name)
{
	struct buf text = arena_buf(&r->arena, TEXT_BYTES_MAX);

	buf_str(&text, hosted_word(r, words));
	buf_char(&text, ' ');
	buf_str(&text, name);
	buf_char(&text, '.');
	return buf_view(&text);
}
