/*
 * The present password, asked for again (password.h): look up what it is verified against, verify
 * it on a thread, let SQL finish by the outcome. SQL looks at the version of the password again, so
 * that one changed in between does not count, and counts what fails towards the lockout.
 */
#include "features/password.h"

#include "config.h"
#include "db/db.h"
#include "features/password_rules.h"
#include "http/reply.h"
#include "jobs/erasure.h"
#include "jobs/job.h"
#include "jobs/password_job.h"

struct password_fields {
	struct str password; /* the present one */
	struct str new_password;
	enum field_bool revoke_others;
	struct str token;
	struct str callback_url;
};

struct password_state {
	int64_t version;
	struct password_checking checking;
	struct password_hashing hashing;
};

enum column { USER_ID, PASSWORD, PASSWORD_VERSION, EMAIL, NAME };

static const struct field change_fields[] = {
    {"newPassword", FIELD_PASSWORD, FIELD_REQUIRED,
	.offset = offsetof(struct password_fields, new_password)},
    {"currentPassword", FIELD_PASSWORD, FIELD_REQUIRED,
	.offset = offsetof(struct password_fields, password)},
    {"revokeOtherSessions", FIELD_BOOL, 0,
	.offset = offsetof(struct password_fields, revoke_others)},
    {NULL},
};
const struct schema password_change_schema = {change_fields, sizeof(struct password_fields)};

static const struct field verify_fields[] = {
    {"password", FIELD_PASSWORD, FIELD_REQUIRED,
	.offset = offsetof(struct password_fields, password)},
    {NULL},
};
const struct schema password_verify_schema = {verify_fields, sizeof(struct password_fields)};

static const struct field delete_fields[] = {
    {"password", FIELD_PASSWORD, 0, .offset = offsetof(struct password_fields, password)},
    {"token", FIELD_STRING, FIELD_SECRET, .offset = offsetof(struct password_fields, token),
	.max = 512},
    {"callbackURL", FIELD_URL, 0, .offset = offsetof(struct password_fields, callback_url)},
    {NULL},
};
const struct schema user_delete_schema = {delete_fields, sizeof(struct password_fields)};

static const struct field delete_callback_fields[] = {
    {"token", FIELD_STRING, FIELD_REQUIRED, .offset = FIELD_NOWHERE, .max = 512},
    {"callbackURL", FIELD_URL, 0, .offset = offsetof(struct password_fields, callback_url)},
    {NULL},
};
const struct schema user_delete_callback_schema = {
    delete_callback_fields, sizeof(struct password_fields)};

static enum step check(struct request *r, step_fn *next);
static enum step change_credentials_found(struct request *r);
static enum step change_password_checked(struct request *r);
static enum step change_password_hashed(struct request *r);
static enum step verify_credentials_found(struct request *r);
static enum step verify_password_checked(struct request *r);
static enum step delete_credentials_found(struct request *r);
static enum step delete_password_checked(struct request *r);
static enum step erase(struct request *r, struct db_arg version, struct db_arg verified);
static struct str dialect(const struct request *r);

enum step
password_change(struct request *r)
{
	const struct password_fields *in = r->fields;
	enum error problem = password_length_problem(r, in->new_password);

	if (problem != OK)
		return reply_error(r, problem);
	return db_call(r, CALL_PASSWORD_LOOKUP, change_credentials_found);
}

static enum step
change_credentials_found(struct request *r)
{
	const struct password_fields *in = r->fields;
	struct password_state *s = request_state(r, sizeof(*s));

	if (row_count(r->answer) != 1)
		return reply_error(r, ERR_UNAUTHORIZED);
	password_hashing_prepare(r, &s->hashing, in->new_password, row_text(r->answer, 0, EMAIL),
	    row_text(r->answer, 0, NAME));
	return check(r, change_password_checked);
}

static enum step
change_password_checked(struct request *r)
{
	struct password_state *s = r->state;

	if (!s->checking.verified) /* nothing to hash: SQL counts the failure and refuses */
		return change_password_hashed(r);
	return job_run(r, JOB_HASH, password_hash_work, &s->hashing, change_password_hashed);
}

static enum step
change_password_hashed(struct request *r)
{
	const struct password_fields *in = r->fields;
	const struct password_state *s = r->state;

	if (s->hashing.guessable)
		return reply_error(r, ERR_PASSWORD_COMPROMISED);
	if (s->checking.verified && !s->hashing.hashed)
		return reply_error(r, ERR_INTERNAL);
	return db_call(r, CALL_PASSWORD_CHANGE, reply_relay, db_int(r, s->version),
	    db_bool(s->checking.verified), db_text(r, buf_view(&s->hashing.hash)),
	    db_bool(in->revoke_others == FIELD_TRUE), db_text(r, dialect(r)));
}

enum step
password_verify_own(struct request *r)
{
	return db_call(r, CALL_PASSWORD_LOOKUP, verify_credentials_found);
}

static enum step
verify_credentials_found(struct request *r)
{
	struct password_state *s = request_state(r, sizeof(*s));

	(void)s;
	if (row_count(r->answer) != 1)
		return reply_error(r, ERR_UNAUTHORIZED);
	return check(r, verify_password_checked);
}

static enum step
verify_password_checked(struct request *r)
{
	const struct password_state *s = r->state;

	return db_call(r, CALL_PASSWORD_VERIFY, reply_relay, db_int(r, s->version),
	    db_bool(s->checking.verified));
}

enum step
user_delete(struct request *r)
{
	return config.delete_user ? user_erase(r) : reply_empty(r, 404);
}

/* Without a password SQL asks for a session that is fresh. */
enum step
user_erase(struct request *r)
{
	const struct password_fields *in = r->fields;

	if (in == NULL || in->password.p == NULL)
		return erase(r, db_null(), db_null());
	return db_call(r, CALL_PASSWORD_LOOKUP, delete_credentials_found);
}

static enum step
delete_credentials_found(struct request *r)
{
	struct password_state *s = request_state(r, sizeof(*s));

	(void)s;
	if (row_count(r->answer) != 1)
		return reply_error(r, ERR_UNAUTHORIZED);
	return check(r, delete_password_checked);
}

static enum step
delete_password_checked(struct request *r)
{
	const struct password_state *s = r->state;

	return erase(r, db_int(r, s->version), db_bool(s->checking.verified));
}

/* Better Auth's client is told that it is done; ours wait for what comes of it, source by source.
 */
static enum step
erase(struct request *r, struct db_arg version, struct db_arg verified)
{
	static const struct password_fields nothing;
	const struct password_fields *in = r->fields != NULL ? r->fields : &nothing;
	struct db_arg token = db_text(r, in->token);
	struct db_arg callback_url = db_text(r, in->callback_url);

	if (r->route->errors == ERRORS_BETTER_AUTH)
		return db_call(r, CALL_USER_DELETE, reply_relay, version, verified, token,
		    callback_url, db_text(r, dialect(r)));
	return erasure_start(r, version, verified, token, callback_url);
}

/* The answer holds the caller's credentials. */
static enum step
check(struct request *r, step_fn *next)
{
	const struct password_fields *in = r->fields;
	struct password_state *s = r->state;

	s->version = row_int(r->answer, 0, PASSWORD_VERSION, 0);
	password_checking_prepare(r, &s->checking, in->password, row_text(r->answer, 0, PASSWORD));
	return job_run(r, JOB_HASH, password_check_work, &s->checking, next);
}

static struct str
dialect(const struct request *r)
{
	return r->route->errors == ERRORS_V1 ? STR("v1") : STR("better-auth");
}
