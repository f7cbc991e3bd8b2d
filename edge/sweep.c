/* The background task that sweeps (sweep.h); how long what is kept, SQL says (auth.sweep). */
#include "sweep.h"

#include "background.h"
#include "db/db.h"
#include "http/reply.h"

static enum step swept(struct request *r);

enum step
sweep_expired(struct request *r)
{
	return db_call(r, CALL_SWEEP, swept);
}

/* A batch was removed, so that there may be more. */
static enum step
swept(struct request *r)
{
	if (row_int(r->answer, 0, 0, 0) > 0)
		background_wake(sweep_expired);
	return reply_nobody(r);
}
