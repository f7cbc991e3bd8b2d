/*
 * A user's records in the sync database, whose table `sync_changes` belongs to another service:
 * read page by page for the export, counted and deleted for the erasure. The database is the
 * foreign server mana_sync; its table is found by the search_path of the role that the mapping
 * names. All of it is one remote transaction in which row-level security shows the one user's rows.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "foreign/foreign.h"
#include "funcapi.h"
#include "remote.h"
#include "sync.h"
#include "utils/array.h"
#include "utils/builtins.h"

PG_FUNCTION_INFO_V1(mana_sync_records);
PG_FUNCTION_INFO_V1(mana_sync_found);
PG_FUNCTION_INFO_V1(mana_sync_erase);
PG_FUNCTION_INFO_V1(mana_sync_is_declared);

/* At most $5 records and, but for the first one, $6 bytes, behind the record that $2 to $4 name. */
static const char records_sql[] =
    "WITH page AS ("
    "SELECT pg_catalog.row_to_json(s)::text AS record, s.app_id, s.created_at, s.id "
    "FROM sync_changes s WHERE s.user_id = $1 AND ($2::text IS NULL OR "
    "(s.app_id, s.created_at, s.id) > ($2, $3::timestamptz, $4::uuid)) "
    "ORDER BY s.app_id, s.created_at, s.id LIMIT $5), "
    "sized AS (SELECT p.record, p.app_id, p.created_at, p.id, "
    "pg_catalog.sum(pg_catalog.octet_length(p.record)) "
    "OVER (ORDER BY p.app_id, p.created_at, p.id) - pg_catalog.octet_length(p.record) AS before "
    "FROM page p) "
    "SELECT z.record, z.app_id, z.created_at::text, z.id::text FROM sized z "
    "WHERE z.before < $6::bigint ORDER BY z.app_id, z.created_at, z.id";

enum records_column { RECORD, APP_ID, CREATED_AT, ID };
enum records_argument { USER_ID, AFTER_APP_ID, AFTER_CREATED_AT, AFTER_ID, MOST, MOST_BYTES };

static Datum texts(const PGresult *rows, int column);
static Datum answer(FunctionCallInfo fcinfo, int64 count, const char *reason);
static int64 count_of(const PGresult *result);

/* (user_id, after_app_id, after_created_at, after_id, most, most_bytes) → records, the last one's
 * app_id, created_at and id, reason */
Datum
mana_sync_records(PG_FUNCTION_ARGS)
{
	const char *arguments[MOST_BYTES + 1] = {NULL}, *reason;
	Datum values[5] = {0};
	bool nulls[5] = {true, true, true, true, true};
	const PGresult *rows = NULL;
	struct remote *r;
	TupleDesc shape;

	if (get_call_result_type(fcinfo, NULL, &shape) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	for (int i = USER_ID; i <= MOST_BYTES; i++)
		if (!PG_ARGISNULL(i))
			arguments[i] = i < MOST ? text_to_cstring(PG_GETARG_TEXT_PP(i))
						: psprintf("%d", PG_GETARG_INT32(i));
	r = remote_begin(SYNC_SERVER, arguments[USER_ID], REMOTE_READ, &reason);
	if (r != NULL) {
		rows = remote_query(r, records_sql, MOST_BYTES + 1, arguments);
		reason = remote_reason(r);
	}
	if (rows != NULL) {
		int last = PQntuples(rows) - 1;

		values[0] = texts(rows, RECORD);
		nulls[0] = false;
		for (int column = APP_ID; column <= ID && last >= 0; column++) {
			values[column] = CStringGetTextDatum(PQgetvalue(rows, last, column));
			nulls[column] = false;
		}
	}
	if (reason != NULL) {
		values[4] = CStringGetTextDatum(reason);
		nulls[4] = false;
	}
	if (r != NULL)
		remote_close(r);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(shape), values, nulls)));
}

static Datum
texts(const PGresult *rows, int column)
{
	ArrayBuildState *all = initArrayResult(TEXTOID, CurrentMemoryContext, false);

	for (int i = 0; i < PQntuples(rows); i++)
		all = accumArrayResult(all, CStringGetTextDatum(PQgetvalue(rows, i, column)), false,
		    TEXTOID, CurrentMemoryContext);
	return makeArrayResult(all, CurrentMemoryContext);
}

/* (user_id) → how many rows, reason */
Datum
mana_sync_found(PG_FUNCTION_ARGS)
{
	const char *const user[] = {text_to_cstring(PG_GETARG_TEXT_PP(0))};
	const PGresult *result;
	const char *reason;
	int64 found = 0;
	struct remote *r = remote_begin(SYNC_SERVER, user[0], REMOTE_READ, &reason);

	if (r != NULL) {
		result = remote_query(r,
		    "SELECT pg_catalog.count(*) FROM sync_changes s WHERE s.user_id = $1", 1, user);
		if (result != NULL)
			found = pg_strtoint64(PQgetvalue(result, 0, 0));
		reason = remote_commit(r);
	}
	return answer(fcinfo, found, reason);
}

/* (user_id) → how many rows are gone, reason. What was deleted may be unknown when the connection
 * breaks in the COMMIT; deleting again does no harm. */
Datum
mana_sync_erase(PG_FUNCTION_ARGS)
{
	const char *const user[] = {text_to_cstring(PG_GETARG_TEXT_PP(0))};
	const PGresult *result;
	const char *reason;
	int64 deleted = 0;
	struct remote *r = remote_begin(SYNC_SERVER, user[0], REMOTE_WRITE, &reason);

	if (r != NULL) {
		result =
		    remote_query(r, "DELETE FROM sync_changes s WHERE s.user_id = $1", 1, user);
		if (result != NULL)
			deleted = count_of(result);
		reason = remote_commit(r);
	}
	return answer(fcinfo, deleted, reason);
}

/* Whether a DBA has declared the server, usable or not. */
Datum
mana_sync_is_declared(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(GetForeignServerByName(SYNC_SERVER, true) != NULL);
}

/* NULL instead of a number that is not known. */
static Datum
answer(FunctionCallInfo fcinfo, int64 count, const char *reason)
{
	Datum values[2] = {Int64GetDatum(count), 0};
	bool nulls[2] = {reason != NULL, reason == NULL};
	TupleDesc shape;

	if (get_call_result_type(fcinfo, NULL, &shape) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	if (reason != NULL)
		values[1] = CStringGetTextDatum(reason);
	return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(shape), values, nulls));
}

static int64
count_of(const PGresult *result)
{
	return pg_strtoint64(PQcmdTuples(unconstify(PGresult *, result)));
}
