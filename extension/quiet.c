/*
 * A client over its rate limit is an everyday event of which the edge writes its own line; without
 * this hook an attacker could fill the server's log with it. Every other error is logged as usual.
 */
#include "postgres.h"

#include "errors.h"
#include "quiet.h"

static emit_log_hook_type next_emit_log;

static void
quiet_emit_log(ErrorData *error)
{
	if (error->sqlerrcode == MANA_ERRCODE(429))
		error->output_to_server = false;
	if (next_emit_log)
		next_emit_log(error);
}

void
quiet_init(void)
{
	next_emit_log = emit_log_hook;
	emit_log_hook = quiet_emit_log;
}
