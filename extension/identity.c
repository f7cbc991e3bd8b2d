/*
 * Whose rows the running transaction may see. A backend-local variable that ends with the
 * (sub)transaction: unlike a setting it cannot be SET, only set by the routines of auth_owner
 * through auth.identity_assume. Row-level security below the routines reads it.
 */
#include "postgres.h"

#include "access/xact.h"
#include "fmgr.h"
#include "identity.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

PG_FUNCTION_INFO_V1(mana_identity_assume);
PG_FUNCTION_INFO_V1(mana_identity);

static char *identity; /* in TopTransactionContext, so it cannot outlive the transaction */

static void
identity_forget(XactEvent event, void *arg)
{
	identity = NULL;
}

void
identity_init(void)
{
	RegisterXactCallback(identity_forget, NULL);
}

void
identity_assume(const char *user_id)
{
	identity = MemoryContextStrdup(TopTransactionContext, user_id);
}

bool
identity_is(const char *user_id)
{
	return identity != NULL && (strcmp(identity, user_id) == 0 || strcmp(identity, "*") == 0);
}

Datum
mana_identity_assume(PG_FUNCTION_ARGS)
{
	identity_assume(text_to_cstring(PG_GETARG_TEXT_PP(0)));
	PG_RETURN_VOID();
}

Datum
mana_identity(PG_FUNCTION_ARGS)
{
	if (identity == NULL)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text(identity));
}
