/*
 * Signing in, in both dialects: find the hash, verify it on a thread, then finish in one
 * transaction (lockout, events, rehash, session or two-factor ticket). An unknown address costs a
 * dummy hash: there is no branch to time. A locked address costs none, and is told so.
 */
#include "features/sign_in.h"

#include "db/db.h"
#include "email.h"
#include "features/oidc_request.h"
#include "http/reply.h"
#include "jobs/job.h"
#include "jobs/password_job.h"

struct sign_in_fields {
	struct str email;
	struct str password;
	struct str callback_url;
	enum field_bool remember_me;
	struct str oauth_query;
	struct str device_id; /* how an app calls the device that it is on */
	struct str device_name;
};

struct sign_in {
	struct str email;
	struct str password;
	struct str callback_url;
	struct str dialect;
	bool remember;
	struct str device_id;
	struct str device_name;
	struct str oauth_input; /* an authorization request that waits for this */
	struct str user_id;
	int64_t password_version;
	struct password_checking checking;
};

enum column { USER_ID, PASSWORD, PASSWORD_VERSION, LOCKED_SECONDS };

static const struct field sign_in_field_table[] = {
    {"email", FIELD_STRING, FIELD_REQUIRED, .offset = offsetof(struct sign_in_fields, email)},
    {"password", FIELD_PASSWORD, FIELD_REQUIRED,
	.offset = offsetof(struct sign_in_fields, password)},
    {"callbackURL", FIELD_URL, 0, .offset = offsetof(struct sign_in_fields, callback_url)},
    {"rememberMe", FIELD_BOOL, 0, .offset = offsetof(struct sign_in_fields, remember_me)},
    {"oauth_query", FIELD_STRING, FIELD_SECRET,
	.offset = offsetof(struct sign_in_fields, oauth_query)},
    {NULL},
};
const struct schema sign_in_schema = {sign_in_field_table, sizeof(struct sign_in_fields)};

static const struct field login_field_table[] = {
    {"email", FIELD_STRING, FIELD_REQUIRED, .offset = offsetof(struct sign_in_fields, email)},
    {"password", FIELD_PASSWORD, FIELD_REQUIRED,
	.offset = offsetof(struct sign_in_fields, password)},
    {"deviceId", FIELD_STRING, 0, .offset = offsetof(struct sign_in_fields, device_id), .max = 255},
    {"deviceName", FIELD_STRING, 0, .offset = offsetof(struct sign_in_fields, device_name),
	.max = 255},
    {NULL},
};
const struct schema login_schema = {login_field_table, sizeof(struct sign_in_fields)};

static enum step lookup(struct request *r, struct str dialect);
static enum step credentials_found(struct request *r);
static enum step password_checked(struct request *r);
static enum step finish(struct request *r);
static enum step finished(struct request *r);

enum step
sign_in(struct request *r)
{
	const struct sign_in_fields *in = r->fields;

	if (!email_valid(in->email))
		return reply_error(r, ERR_INVALID_EMAIL);
	return lookup(r, STR("better-auth"));
}

enum step
login(struct request *r)
{
	const struct sign_in_fields *in = r->fields;

	if (!email_valid(in->email))
		return reply_error(r, ERR_VALIDATION);
	return lookup(r, STR("v1"));
}

static enum step
lookup(struct request *r, struct str dialect)
{
	const struct sign_in_fields *in = r->fields;
	struct sign_in *s = request_state(r, sizeof(*s));

	s->email = in->email;
	s->password = in->password;
	s->callback_url = in->callback_url;
	s->dialect = dialect;
	s->remember = in->remember_me != FIELD_FALSE;
	s->device_id = in->device_id;
	s->device_name = in->device_name;
	if (in->oauth_query.len > 0 && !oidc_request_read(r, &s->oauth_input, in->oauth_query))
		return oidc_invalid_signature(r);
	return db_call(r, CALL_SIGN_IN_LOOKUP, credentials_found, db_text(r, s->email));
}

static enum step
credentials_found(struct request *r)
{
	struct sign_in *s = r->state;

	if (row_count(r->answer) != 1)
		return reply_error(r, ERR_INTERNAL);
	s->user_id = arena_copy(&r->arena, row_text(r->answer, 0, USER_ID));
	s->password_version = row_int(r->answer, 0, PASSWORD_VERSION, 0);
	password_checking_prepare(r, &s->checking, s->password, row_text(r->answer, 0, PASSWORD));
	if (row_int(r->answer, 0, LOCKED_SECONDS, 0) > 0)
		return finish(r);
	return job_run(r, JOB_HASH, password_check_work, &s->checking, password_checked);
}

static enum step
password_checked(struct request *r)
{
	return finish(r);
}

static enum step
finish(struct request *r)
{
	const struct sign_in *s = r->state;
	struct str new_hash = s->checking.hash.len > 0 ? buf_view(&s->checking.hash) : STR_NONE;

	return db_call(r, CALL_SIGN_IN_FINISH, finished, db_text(r, s->email),
	    db_text(r, s->user_id), db_int(r, s->password_version), db_bool(s->checking.verified),
	    db_text(r, new_hash), db_bool(s->remember), db_text(r, s->callback_url),
	    db_text(r, s->dialect), db_digest(request_cookie_digest(r, COOKIE_TRUST_DEVICE)),
	    db_text(r, s->device_id), db_text(r, s->device_name));
}

static enum step
finished(struct request *r)
{
	const struct sign_in *s = r->state;

	return s->oauth_input.p != NULL ? oidc_continue_as_signed_in(r, s->oauth_input)
					: reply_relay(r);
}
