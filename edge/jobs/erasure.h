/*
 * Erasures (auth.erasures): each source of a user's data is asked until it says that nothing is
 * left, by whichever edge is there.
 */
#ifndef MANA_ERASURE_H
#define MANA_ERASURE_H

#include "db/db.h"
#include "http/request.h"

/* A background task: one source that is due, if there is one, else an echo of what is over. */
step_fn erasure_run_due;
/* Begins the erasure of the caller, asks each of its sources once, and answers with what came of
 * it. The arguments are those of auth_api.erasure_start. */
enum step erasure_start(struct request *r, struct db_arg challenge, struct db_arg output,
    struct db_arg token, struct db_arg callback_url);
/* The same of another user, for an admin. */
enum step erasure_start_for(struct request *r, struct db_arg user_id);

#endif
