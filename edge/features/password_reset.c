/*
 * A forgotten password (password_reset.h). The token is looked at first, so that junk costs no
 * hash; SQL then takes it and sets the password in one step, so that of two requests one wins.
 */
#include "features/password_reset.h"

#include "db/db.h"
#include "features/password_rules.h"
#include "http/reply.h"
#include "jobs/job.h"
#include "jobs/password_job.h"

struct link_fields {
	struct str callback_url;
};
static const struct field link_field_table[] = {
    {"callbackURL", FIELD_URL, FIELD_REQUIRED,
	.offset = offsetof(struct link_fields, callback_url)},
    {NULL},
};
const struct schema password_reset_link_schema = {link_field_table, sizeof(struct link_fields)};

struct reset_fields {
	struct str new_password;
	struct str token;
};
static const struct field reset_field_table[] = {
    {"newPassword", FIELD_PASSWORD, FIELD_REQUIRED,
	.offset = offsetof(struct reset_fields, new_password)},
    {"token", FIELD_STRING, FIELD_SECRET | FIELD_SUBJECT,
	.offset = offsetof(struct reset_fields, token), .max = 512},
    {NULL},
};
const struct schema password_reset_schema = {reset_field_table, sizeof(struct reset_fields)};

static enum step password_hashed(struct request *r);
static enum step token_found(struct request *r);

enum step
password_reset(struct request *r)
{
	const struct reset_fields *in = r->fields;
	struct password_hashing *hashing = request_state(r, sizeof(*hashing));
	enum error problem = password_length_problem(r, in->new_password);

	if (in->token.len == 0)
		return reply_error(
		    r, r->route->errors == ERRORS_V1 ? ERR_TOKEN_INVALID : ERR_INVALID_TOKEN);
	if (problem != OK)
		return reply_error(r, problem);
	return db_call(r, CALL_PASSWORD_RESET_LOOKUP, token_found, db_text(r, in->token));
}

static enum step
token_found(struct request *r)
{
	const struct reset_fields *in = r->fields;
	struct password_hashing *hashing = r->state;

	if (row_count(r->answer) != 1)
		return reply_error(
		    r, r->route->errors == ERRORS_V1 ? ERR_TOKEN_INVALID : ERR_INVALID_TOKEN);
	password_hashing_prepare(
	    r, hashing, in->new_password, row_text(r->answer, 0, 0), row_text(r->answer, 0, 1));
	return job_run(r, JOB_HASH, password_hash_work, hashing, password_hashed);
}

static enum step
password_hashed(struct request *r)
{
	const struct reset_fields *in = r->fields;
	const struct password_hashing *hashing = r->state;

	if (hashing->guessable)
		return reply_error(r, ERR_PASSWORD_COMPROMISED);
	if (!hashing->hashed)
		return reply_error(r, ERR_INTERNAL);
	return db_call(r, CALL_PASSWORD_RESET, reply_relay, db_text(r, in->token),
	    db_text(r, buf_view(&hashing->hash)),
	    db_text(r, r->route->errors == ERRORS_V1 ? STR("v1") : STR("better-auth")));
}
