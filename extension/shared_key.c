/* Secrets of auth.secrets as HMAC keys (shared_key.h). */
#include "postgres.h"

#include "catalog.h"
#include "catalog/namespace.h"
#include "compat.h"
#include "fmgr.h"
#include "seam.h"
#include "shared_key.h"
#include "utils/lsyscache.h"

#define SHARED_KEY_BYTES 32

static bytea *read_secret(const char *routine);

const crypto_auth_hmacsha256_state *
shared_key(struct shared_key *key)
{
	Oid table;
	bytea *secret;

	if (key->state != NULL && key->version == catalog_version())
		return key->state;
	table = get_relname_relid("secrets", get_namespace_oid("auth", false));
	if (key->state != NULL && key->table == table) {
		key->version = catalog_version();
		return key->state;
	}
	secret = read_secret(key->routine);
	if (secret == NULL)
		return NULL;
	if (VARSIZE_ANY_EXHDR(secret) != SHARED_KEY_BYTES)
		elog(ERROR, "auth.%s() returned a key of an unexpected size", key->routine);
	if (key->state == NULL)
		key->state = sodium_malloc(sizeof(*key->state));
	if (key->state == NULL)
		ereport(ERROR, errcode(ERRCODE_OUT_OF_MEMORY),
		    errmsg("could not lock memory for the key of auth.%s()", key->routine));
	crypto_auth_hmacsha256_init(
	    key->state, (const unsigned char *)VARDATA_ANY(secret), SHARED_KEY_BYTES);
	sodium_memzero(VARDATA_ANY(secret), SHARED_KEY_BYTES);
	key->table = table;
	key->version = catalog_version();
	return key->state;
}

/* Calls the routine with the rights of its owner: fmgr asks for no EXECUTE privilege. */
static bytea *
read_secret(const char *routine)
{
	LOCAL_FCINFO(call, 0);
	FmgrInfo function;
	Datum secret;

	seam_routine(&function, routine, NULL, 0);
	InitFunctionCallInfoData(*call, &function, 0, InvalidOid, NULL, NULL);
	secret = FunctionCallInvoke(call);
	return call->isnull ? NULL : DatumGetByteaPP(secret);
}
