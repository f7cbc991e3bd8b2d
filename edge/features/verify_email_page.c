/*
 * The page of a verification link in a browser that did not sign up (verify_email_page.h). The mail
 * may have been caused by the sign-up of somebody else, whose password must not survive the proof
 * of the address.
 */
#include "features/verify_email_page.h"

#include "db/db.h"
#include "features/password_rules.h"
#include "http/reply.h"
#include "jobs/job.h"
#include "jobs/password_job.h"

enum { LINK_TOKEN_MAX = 512 };
enum column { CHALLENGE, LOCKED_SECONDS, EMAIL, NAME };

EMBED(confirm_sign_up_html, "pages/confirm_sign_up.html");

struct confirm_fields {
	struct str token;
	struct str callback_url;
	struct str password;     /* that was chosen at the sign-up */
	struct str new_password; /* instead of it */
};
static const struct field confirm_field_table[] = {
    {"token", FIELD_STRING, FIELD_REQUIRED | FIELD_SECRET | FIELD_SUBJECT,
	.offset = offsetof(struct confirm_fields, token), .max = LINK_TOKEN_MAX},
    {"callbackURL", FIELD_URL, 0, .offset = offsetof(struct confirm_fields, callback_url)},
    {"password", FIELD_PASSWORD, 0, .offset = offsetof(struct confirm_fields, password)},
    {"newPassword", FIELD_PASSWORD, 0, .offset = offsetof(struct confirm_fields, new_password)},
    {NULL},
};
const struct schema verify_email_page_schema = {confirm_field_table, sizeof(struct confirm_fields)};

struct confirm {
	struct password_proof proof;
	struct password_hashing hashing;
	bool is_asked_again; /* a newer sign-up replaced the password meanwhile, once */
};

static enum step lookup(struct request *r);
static enum step sign_up_found(struct request *r);
static enum step password_hashed(struct request *r);
static enum step finish(struct request *r);
static enum step finished(struct request *r);
static enum step confirm_refused(struct request *r, enum error e, int retry_after_seconds);
static enum step confirm_granted(struct request *r);
static enum word confirm_word(enum error e);

static const struct form_page confirm_form = {confirm_refused, confirm_granted};

enum step
verify_email_page_show(struct request *r, int status, const struct verify_email_page *page)
{
	bool failed = page->alert != WORD_COUNT;
	struct str callback_url = page->callback_url.p != NULL ? page->callback_url : STR("/");
	const struct template_value values[] = {
	    hosted_alert(r, page->alert),
	    {.name = "token", .value = page->token},
	    {.name = "callbackURL", .value = callback_url},
	    {.name = "described",
		.value = failed ? STR(" aria-describedby=\"alert\"") : STR(""),
		.is_markup = true},
	};

	return hosted_show(r, status, (struct embedded)EMBEDDED(confirm_sign_up_html),
	    hosted_word(r, WORD_confirm_sign_up_title), callback_url, values,
	    sizeof(values) / sizeof(values[0]));
}

enum step
verify_email_page_sent(struct request *r)
{
	const struct confirm_fields *in = r->fields;
	bool sets_new = in->new_password.len > 0;
	enum error problem = sets_new ? password_length_problem(r, in->new_password) : OK;

	r->form = &confirm_form;
	(void)request_state(r, sizeof(struct confirm));
	if (problem == OK && !sets_new && in->password.len == 0)
		problem = ERR_INVALID_PASSWORD;
	if (problem != OK)
		return reply_error(r, problem);
	return lookup(r);
}

static enum step
lookup(struct request *r)
{
	const struct confirm_fields *in = r->fields;

	return db_call(r, CALL_VERIFICATION_LOOKUP, sign_up_found, db_text(r, in->token));
}

/* A link that is dead or asks for nothing, and an address that is locked, cost no hash: SQL says
 * what becomes of them. */
static enum step
sign_up_found(struct request *r)
{
	const struct confirm_fields *in = r->fields;
	struct confirm *s = r->state;

	if (row_count(r->answer) != 1)
		return finish(r);
	if (in->new_password.len > 0) {
		password_hashing_prepare(r, &s->hashing, in->new_password,
		    row_text(r->answer, 0, EMAIL), row_text(r->answer, 0, NAME));
		return job_run(r, JOB_HASH, password_hash_work, &s->hashing, password_hashed);
	}
	password_proof_prepare(r, &s->proof, in->password, row_text(r->answer, 0, CHALLENGE));
	if (row_int(r->answer, 0, LOCKED_SECONDS, 0) > 0)
		return finish(r);
	return job_run(r, JOB_HASH, password_proof_work, &s->proof, finish);
}

static enum step
password_hashed(struct request *r)
{
	const struct confirm *s = r->state;

	if (s->hashing.guessable)
		return reply_error(r, ERR_PASSWORD_COMPROMISED);
	if (!s->hashing.hashed)
		return reply_error(r, ERR_INTERNAL);
	return finish(r);
}

static enum step
finish(struct request *r)
{
	const struct confirm_fields *in = r->fields;
	const struct confirm *s = r->state;
	struct str new_hash = s->hashing.hashed ? buf_view(&s->hashing.hash) : STR_NONE;

	return db_call(r, CALL_VERIFICATION_FINISH, finished, db_text(r, in->token),
	    db_text(r, in->callback_url), db_digest(request_cookie_digest(r, COOKIE_TRUST_DEVICE)),
	    db_digest(request_cookie_digest(r, COOKIE_DEVICE)), db_text(r, s->proof.challenge),
	    password_proof_arg(&s->proof), db_text(r, new_hash));
}

static enum step
finished(struct request *r)
{
	struct confirm *s = r->state;

	if (!s->is_asked_again && password_proof_is_stale(r)) {
		s->is_asked_again = true;
		return lookup(r);
	}
	return reply_relay(r);
}

static enum step
confirm_refused(struct request *r, enum error e, int retry_after_seconds)
{
	const struct confirm_fields *in = r->fields;

	(void)retry_after_seconds;
	if (in == NULL || in->token.len == 0)
		return hosted_message(r, 400, WORD_failed, WORD_failed_text, WORD_sign_up_login);
	return verify_email_page_show(r, error_info(e)->status,
	    &(struct verify_email_page){in->token, in->callback_url, confirm_word(e)});
}

static enum word
confirm_word(enum error e)
{
	return e == ERR_INVALID_PASSWORD ? WORD_bad_sign_up_password : hosted_error_word(e);
}

static enum step
confirm_granted(struct request *r)
{
	struct str location = row_text(r->answer, 0, REPLY_LOCATION);

	if (row_int(r->answer, 0, REPLY_STATUS, 200) >= 400)
		return hosted_message(r, 400, WORD_failed, WORD_failed_text, WORD_sign_up_login);
	return reply_redirect(r, 303, location.p != NULL ? location : STR("/signed-in"));
}
