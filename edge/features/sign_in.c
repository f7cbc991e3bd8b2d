/*
 * Signing in, in both dialects: ask for the challenge, compute the output on a thread, then finish
 * in one transaction (lockout, comparison, events, rehash, session or two-factor ticket). An
 * unknown address has a challenge as well: there is no branch to time. A locked one costs no hash.
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
	bool is_asked_again;    /* the stored hash was replaced meanwhile, once */
	struct password_proof proof;
};

enum column { CHALLENGE, LOCKED_SECONDS };

static const struct field sign_in_field_table[] = {
    {"email", FIELD_ADDRESS, FIELD_REQUIRED, .offset = offsetof(struct sign_in_fields, email)},
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
    {"email", FIELD_ADDRESS, FIELD_REQUIRED, .offset = offsetof(struct sign_in_fields, email)},
    {"password", FIELD_PASSWORD, FIELD_REQUIRED,
	.offset = offsetof(struct sign_in_fields, password)},
    {"deviceId", FIELD_STRING, 0, .offset = offsetof(struct sign_in_fields, device_id), .max = 255},
    {"deviceName", FIELD_STRING, 0, .offset = offsetof(struct sign_in_fields, device_name),
	.max = 255},
    {NULL},
};
const struct schema login_schema = {login_field_table, sizeof(struct sign_in_fields)};

static enum step begin(struct request *r, struct str dialect);
static enum step lookup(struct request *r);
static enum step challenge_found(struct request *r);
static enum step finish(struct request *r);
static enum step finished(struct request *r);

enum step
sign_in(struct request *r)
{
	const struct sign_in_fields *in = r->fields;

	if (!email_valid(in->email))
		return reply_error(r, ERR_INVALID_EMAIL);
	return begin(r, STR("better-auth"));
}

enum step
login(struct request *r)
{
	const struct sign_in_fields *in = r->fields;

	if (!email_valid(in->email))
		return reply_error(r, ERR_VALIDATION);
	return begin(r, STR("v1"));
}

static enum step
begin(struct request *r, struct str dialect)
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
	if (in->oauth_query.len > 0 && !oidc_request_read(r, &s->oauth_input))
		return oidc_invalid_signature(r);
	return lookup(r);
}

static enum step
lookup(struct request *r)
{
	const struct sign_in *s = r->state;

	return db_call(r, CALL_SIGN_IN_LOOKUP, challenge_found, db_text(r, s->email),
	    db_digest(request_cookie_digest(r, COOKIE_DEVICE)),
	    db_digest(request_cookie_digest(r, COOKIE_TRUST_DEVICE)));
}

static enum step
challenge_found(struct request *r)
{
	struct sign_in *s = r->state;

	if (row_count(r->answer) != 1)
		return reply_error(r, ERR_INTERNAL);
	password_proof_prepare(r, &s->proof, s->password, row_text(r->answer, 0, CHALLENGE));
	s->proof.is_rehashing = true;
	if (row_int(r->answer, 0, LOCKED_SECONDS, 0) > 0)
		return finish(r);
	return job_run(r, JOB_HASH, password_proof_work, &s->proof, finish);
}

static enum step
finish(struct request *r)
{
	const struct sign_in *s = r->state;
	struct str new_hash = s->proof.hash.len > 0 ? buf_view(&s->proof.hash) : STR_NONE;

	return db_call(r, CALL_SIGN_IN_FINISH, finished, db_text(r, s->email),
	    db_text(r, s->proof.challenge), password_proof_arg(&s->proof), db_text(r, new_hash),
	    db_bool(s->remember), db_text(r, s->callback_url), db_text(r, s->dialect),
	    db_digest(request_cookie_digest(r, COOKIE_TRUST_DEVICE)), db_text(r, s->device_id),
	    db_text(r, s->device_name), db_digest(request_cookie_digest(r, COOKIE_DEVICE)));
}

static enum step
finished(struct request *r)
{
	struct sign_in *s = r->state;

	if (!s->is_asked_again && password_proof_is_stale(r)) {
		s->is_asked_again = true;
		return lookup(r);
	}
	return s->oauth_input.p != NULL ? oidc_continue_as_signed_in(r, s->oauth_input)
					: reply_relay(r);
}
