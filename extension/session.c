/*
 * auth.session_find and auth.user_find: the rows that nearly every request begins with, read
 * straight from their unique indexes. The same as a query costs a start of the executor each, which
 * was a third of what the database did for a get-session (tests/bench). Not checked here: who may
 * read the tables; only routines of the owner call this.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/relscan.h"
#include "access/stratnum.h"
#include "access/table.h"
#include "access/tableam.h"
#include "catalog/namespace.h"
#include "compat.h"
#include "executor/executor.h"
#include "executor/tuptable.h"
#include "fmgr.h"
#include "seam.h"
#include "session.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

PG_FUNCTION_INFO_V1(mana_session_find);
PG_FUNCTION_INFO_V1(mana_user_find);

/* A row, where its table and its columns are found. */
struct place {
	const char *table, *index;
	Oid key_equals; /* pg_proc of the key's = */
};

typedef bool (*row_check)(TupleTableSlot *row, Datum wanted);

static bool fetch(Datum *out, const struct place *place, Datum key, row_check check, Datum wanted);
static bool is_alive(TupleTableSlot *row, Datum wanted);
static bool is_alive_and_of(TupleTableSlot *row, Datum user_id);
static Datum column(TupleTableSlot *row, const char *name);

/* auth.session_find(caller) */
Datum
mana_session_find(PG_FUNCTION_ARGS)
{
	Datum row;

	if (PG_ARGISNULL(0) || !session_find(&row, PG_GETARG_HEAPTUPLEHEADER(0)))
		PG_RETURN_NULL();
	return row;
}

bool
session_find(Datum *row, HeapTupleHeader caller)
{
	static const struct place by_digest = {
	    "sessions", "sessions_token_digest_unique", F_BYTEAEQ};
	static const struct place by_id = {"sessions", "sessions_pkey", F_TEXTEQ};
	bool no_digest, no_id, no_user;
	Datum digest = GetAttributeByNum(caller, CALLER_SESSION_DIGEST, &no_digest);
	Datum id = GetAttributeByNum(caller, CALLER_SESSION_ID, &no_id);
	Datum user_id = GetAttributeByNum(caller, CALLER_USER_ID, &no_user);

	if (!no_digest)
		return fetch(row, &by_digest, digest, is_alive, (Datum)0);
	return !no_id && !no_user && fetch(row, &by_id, id, is_alive_and_of, user_id);
}

/* auth.user_find(id) */
Datum
mana_user_find(PG_FUNCTION_ARGS)
{
	static const struct place by_id = {"users", "users_pkey", F_TEXTEQ};
	Datum row;

	if (!fetch(&row, &by_id, PG_GETARG_DATUM(0), NULL, (Datum)0))
		PG_RETURN_NULL();
	return row;
}

bool
row_find(Datum *row, const char *table, const char *index, Datum key)
{
	const struct place by_key = {table, index, F_TEXTEQ};

	return fetch(row, &by_key, key, NULL, (Datum)0);
}

static bool
fetch(Datum *out, const struct place *place, Datum key, row_check check, Datum wanted)
{
	Oid schema = get_namespace_oid("auth", false);
	Relation table = table_open(get_relname_relid(place->table, schema), AccessShareLock);
	Relation index = index_open(get_relname_relid(place->index, schema), AccessShareLock);
	TupleTableSlot *row = table_slot_create(table, NULL);
	IndexScanDesc scan = begin_index_scan(table, index, GetActiveSnapshot(), 1);
	ScanKeyData where;
	bool found;

	ScanKeyEntryInitialize(&where, 0, 1, BTEqualStrategyNumber, InvalidOid,
	    index->rd_indcollation[0], place->key_equals, key);
	index_rescan(scan, &where, 1, NULL, 0);
	found = index_getnext_slot(scan, ForwardScanDirection, row) &&
		(check == NULL || check(row, wanted));
	if (found) {
		bool is_ours;
		HeapTuple tuple = ExecFetchSlotHeapTuple(row, false, &is_ours);

		*out = heap_copy_tuple_as_datum(tuple, RelationGetDescr(table));
	}
	index_endscan(scan);
	ExecDropSingleTupleTableSlot(row);
	index_close(index, AccessShareLock);
	table_close(table, AccessShareLock);
	return found;
}

static bool
is_alive(TupleTableSlot *row, Datum wanted)
{
	return DatumGetTimestampTz(column(row, "expires_at")) >
	       GetCurrentTransactionStartTimestamp();
}

static bool
is_alive_and_of(TupleTableSlot *row, Datum user_id)
{
	char *owner = TextDatumGetCString(column(row, "user_id"));

	return is_alive(row, user_id) && strcmp(owner, TextDatumGetCString(user_id)) == 0;
}

/* Of a column that is never null. */
static Datum
column(TupleTableSlot *row, const char *name)
{
	const TupleDesc shape = row->tts_tupleDescriptor;
	bool is_null;

	for (int i = 0; i < shape->natts; i++)
		if (strcmp(NameStr(TupleDescAttr(shape, i)->attname), name) == 0)
			return slot_getattr(row, i + 1, &is_null);
	elog(ERROR, "there is no column %s", name);
}
