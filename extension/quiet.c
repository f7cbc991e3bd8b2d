/*
 * What the server's log must not hold. A client over its rate limit is an everyday event of which
 * the edge writes its own line; an attacker could fill the log with it. And a vault call has a
 * master key among its parameters when zero-knowledge is left: they are dropped from its log lines,
 * also where log_parameter_max_length lets them through.
 */
#include "postgres.h"

#include "errors.h"
#include "quiet.h"
#include "tcop/tcopprot.h"

#define VAULT_CALL "auth_api.vault_"

static emit_log_hook_type next_emit_log;

static bool
is_of_vault_call(const ErrorData *error)
{
	return (debug_query_string != NULL && strstr(debug_query_string, VAULT_CALL) != NULL) ||
	       (error->message != NULL && strstr(error->message, VAULT_CALL) != NULL);
}

/* "parameters: $1 = ..." is the detail of a statement's line, and in the context of an error's. */
static void
drop_parameters(ErrorData *error)
{
	if (error->detail != NULL && strstr(error->detail, "parameters: ") != NULL) {
		pfree(error->detail);
		error->detail = NULL;
	}
	if (error->context != NULL && strstr(error->context, "parameters: ") != NULL) {
		pfree(error->context);
		error->context = NULL;
	}
}

static void
quiet_emit_log(ErrorData *error)
{
	if (error->sqlerrcode == MANA_ERRCODE(429))
		error->output_to_server = false;
	if (is_of_vault_call(error))
		drop_parameters(error);
	if (next_emit_log)
		next_emit_log(error);
}

void
quiet_init(void)
{
	next_emit_log = emit_log_hook;
	emit_log_hook = quiet_emit_log;
}
