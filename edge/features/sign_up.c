/*
 * Signing up, in both dialects. The password is judged and hashed whether or not the address is
 * known: a stranger learns nothing from the answer or from its time. What happens then (user,
 * account, mail, or the mail to the owner of a known address) is one transaction of
 * auth_api.sign_up.
 */
#include "features/sign_up.h"

#include "db/db.h"
#include "http/locale.h"
#include "features/password_rules.h"
#include "gates/gates.h"
#include "http/reply.h"
#include "jobs/job.h"
#include "jobs/password_job.h"

struct sign_up_fields {
	struct str name;
	struct str email;
	struct str password;
	struct str image;
	struct str callback_url;
};

struct sign_up {
	struct str name;
	struct str email;
	struct str image;
	struct str callback_url;
	struct password_hashing hashing;
};

static const struct field sign_up_field_table[] = {
    {"name", FIELD_STRING, FIELD_REQUIRED | FIELD_NAME,
	.offset = offsetof(struct sign_up_fields, name), .max = 255},
    {"email", FIELD_EMAIL, FIELD_REQUIRED, .offset = offsetof(struct sign_up_fields, email)},
    {"password", FIELD_PASSWORD, FIELD_REQUIRED,
	.offset = offsetof(struct sign_up_fields, password)},
    {"image", FIELD_STRING, 0, .offset = offsetof(struct sign_up_fields, image), .max = 2048},
    {"callbackURL", FIELD_URL, FIELD_MAILED,
	.offset = offsetof(struct sign_up_fields, callback_url)},
    {"rememberMe", FIELD_BOOL, 0, .offset = FIELD_NOWHERE},
    {NULL},
};
const struct schema sign_up_schema = {sign_up_field_table, sizeof(struct sign_up_fields)};

static const struct field register_field_table[] = {
    {"email", FIELD_EMAIL, FIELD_REQUIRED, .offset = offsetof(struct sign_up_fields, email)},
    {"password", FIELD_PASSWORD, FIELD_REQUIRED,
	.offset = offsetof(struct sign_up_fields, password)},
    {"name", FIELD_STRING, 0, .offset = offsetof(struct sign_up_fields, name), .max = 255},
    {"sourceAppUrl", FIELD_STRING, FIELD_MAILED,
	.offset = offsetof(struct sign_up_fields, callback_url)},
    {NULL},
};
const struct schema register_schema = {register_field_table, sizeof(struct sign_up_fields)};

static enum step password_hashed(struct request *r);
static bool is_browser(const struct request *r);

enum step
sign_up(struct request *r)
{
	const struct sign_up_fields *in = r->fields;
	struct sign_up *s = request_state(r, sizeof(*s));
	enum error problem = password_length_problem(r, in->password);

	if (problem != OK)
		return reply_error(r, problem);
	s->name = in->name;
	s->email = in->email;
	s->image = in->image;
	s->callback_url = in->callback_url;
	password_hashing_prepare(r, &s->hashing, in->password, in->email, in->name);
	return job_run(r, JOB_HASH, password_hash_work, &s->hashing, password_hashed);
}

enum step
register_account(struct request *r)
{
	struct sign_up_fields *in = r->fields;
	struct str rest;

	if (in->name.len == 0)
		(void)str_cut(&in->name, &rest, in->email, '@'); /* the schema saw the "@" */
	/* An app that is not trusted gets no link back; the sign-up itself is as good as any. */
	if (in->callback_url.p != NULL && !target_is_trusted(in->callback_url))
		in->callback_url = STR_NONE;
	return sign_up(r);
}

static enum step
password_hashed(struct request *r)
{
	const struct sign_up *s = r->state;

	if (s->hashing.guessable)
		return reply_error(r, ERR_PASSWORD_COMPROMISED);
	if (!s->hashing.hashed)
		return reply_error(r, ERR_INTERNAL);
	return db_call(r, CALL_SIGN_UP, reply_relay, db_text(r, s->email), db_text(r, s->name),
	    db_text(r, s->image), db_text(r, buf_view(&s->hashing.hash)),
	    db_text(r, s->callback_url), db_text(r, locale_of(r)), db_bool(is_browser(r)));
}

/* A browser keeps the cookie by which the link of the mail completes the sign-up without the
 * password. Each one says how it fetches; one from before Sec-Fetch-Mode is asked for it. */
static bool
is_browser(const struct request *r)
{
	return request_header(r, STR("sec-fetch-mode")).p != NULL;
}
