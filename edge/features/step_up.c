/*
 * Step-up authentication (step_up.h). The password is verified on a thread, as in password.c; codes
 * and mailed tokens are SQL's. POST /api/v1/auth/step-up/mail is a relay.
 */
#include "features/step_up.h"

#include "db/db.h"
#include "http/reply.h"
#include "jobs/job.h"
#include "jobs/password_job.h"

enum { CODE_CHARS_MAX = 64, TOKEN_CHARS_MAX = 64 };

struct step_up_fields {
	struct str password;
	struct str code;
	struct str token;
};

struct step_up_state {
	int64_t version;
	struct password_checking checking;
};

enum column { USER_ID, PASSWORD, PASSWORD_VERSION };

static const struct field field_table[] = {
    {"password", FIELD_PASSWORD, 0, .offset = offsetof(struct step_up_fields, password)},
    {"code", FIELD_STRING, FIELD_SECRET, .offset = offsetof(struct step_up_fields, code),
	.max = CODE_CHARS_MAX},
    {"token", FIELD_STRING, FIELD_SECRET, .offset = offsetof(struct step_up_fields, token),
	.max = TOKEN_CHARS_MAX},
    {NULL},
};
const struct schema step_up_schema = {field_table, sizeof(struct step_up_fields)};

static const struct field mail_field_table[] = {
    {"purpose", FIELD_STRING, FIELD_REQUIRED, .offset = FIELD_NOWHERE, .max = 64},
    {NULL},
};
const struct schema step_up_mail_schema = {mail_field_table, 0};

static enum step credentials_found(struct request *r);
static enum step password_checked(struct request *r);

enum step
step_up(struct request *r)
{
	const struct step_up_fields *in = r->fields;
	int proofs = (in->password.p != NULL) + (in->code.p != NULL) + (in->token.p != NULL);

	if (proofs != 1)
		return reply_refusal(
		    r, ERR_VALIDATION, STR("Give one of password, code, token"), 0);
	if (in->code.p != NULL)
		return db_call(r, CALL_STEP_UP_CODE, reply_relay, db_text(r, in->code));
	if (in->token.p != NULL)
		return db_call(r, CALL_STEP_UP_TOKEN, reply_relay, db_text(r, in->token));
	return db_call(r, CALL_PASSWORD_LOOKUP, credentials_found);
}

static enum step
credentials_found(struct request *r)
{
	const struct step_up_fields *in = r->fields;
	struct step_up_state *s = request_state(r, sizeof(*s));

	if (row_count(r->answer) != 1)
		return reply_error(r, ERR_UNAUTHORIZED);
	s->version = row_int(r->answer, 0, PASSWORD_VERSION, 0);
	password_checking_prepare(r, &s->checking, in->password, row_text(r->answer, 0, PASSWORD));
	return job_run(r, JOB_HASH, password_check_work, &s->checking, password_checked);
}

static enum step
password_checked(struct request *r)
{
	const struct step_up_state *s = r->state;

	return db_call(r, CALL_STEP_UP_PASSWORD, reply_relay, db_int(r, s->version),
	    db_bool(s->checking.verified));
}
