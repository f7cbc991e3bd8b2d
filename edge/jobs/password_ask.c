/* Asking for the password again (password_ask.h). */
#include "jobs/password_ask.h"

#include "http/reply.h"
#include "jobs/job.h"

enum column { CHALLENGE, LOCKED_SECONDS, EMAIL, NAME };

static enum step challenge_found(struct request *r);
static void work(void *state);

enum step
password_ask(struct request *r, struct password_asking *asking)
{
	r->state = asking;
	return db_call(r, CALL_PASSWORD_LOOKUP, challenge_found);
}

static enum step
challenge_found(struct request *r)
{
	struct password_asking *asking = r->state;

	if (row_count(r->answer) != 1)
		return reply_error(r, ERR_UNAUTHORIZED);
	password_proof_prepare(r, &asking->proof, asking->plain, row_text(r->answer, 0, CHALLENGE));
	if (asking->hashing != NULL)
		password_hashing_prepare(r, asking->hashing, asking->hashing->plain,
		    row_text(r->answer, 0, EMAIL), row_text(r->answer, 0, NAME));
	if (row_int(r->answer, 0, LOCKED_SECONDS, 0) > 0)
		return asking->finish(r);
	return job_run(r, JOB_HASH, work, asking, asking->finish);
}

/* The new password is judged and hashed whether or not the present one is right: only the database
 * knows, and time must not tell. */
static void
work(void *state)
{
	struct password_asking *asking = state;

	password_proof_work(&asking->proof);
	if (asking->hashing != NULL)
		password_hash_work(asking->hashing);
}

struct db_arg
password_challenge_arg(struct request *r, const struct password_asking *asking)
{
	return db_text(r, asking->proof.challenge);
}

struct db_arg
password_output_arg(const struct password_asking *asking)
{
	return password_proof_arg(&asking->proof);
}

enum step
password_answered(struct request *r)
{
	struct password_asking *asking = r->state;

	if (asking->is_asked_again || !password_proof_is_stale(r))
		return reply_relay(r);
	asking->is_asked_again = true;
	return db_call(r, CALL_PASSWORD_LOOKUP, challenge_found);
}
