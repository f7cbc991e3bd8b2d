/*
 * Asking a user who is signed in for the password again. The database gives a challenge, a thread
 * computes the output, and the call that follows carries both: the database compares, counts and
 * locks (auth.password_check). A locked session costs no hash, whatever was sent.
 */
#ifndef MANA_PASSWORD_ASK_H
#define MANA_PASSWORD_ASK_H

#include "db/db.h"
#include "jobs/password_job.h"

/* How one endpoint asks. */
struct password_asking {
	struct str plain;                 /* the password that was given */
	step_fn *finish;                  /* sends the call of the endpoint */
	struct password_hashing *hashing; /* a new password to judge and hash as well; or NULL */
	bool is_asked_again;              /* the stored hash was replaced meanwhile, once */
	struct password_proof proof;
};

/* Looks up and computes, then runs asking->finish. `asking` lies in the arena of the request, and
 * is its state. 401 without a live session. */
enum step password_ask(struct request *r, struct password_asking *asking);
/* The two arguments of the call: challenge and output. */
struct db_arg password_challenge_arg(struct request *r, const struct password_asking *asking);
struct db_arg password_output_arg(const struct password_asking *asking);
/* The step behind that call: relays the answer; asks again, once, where the hash was replaced. */
enum step password_answered(struct request *r);

#endif
