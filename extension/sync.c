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

/* The records behind the one that $2 to $4 name; fetched as far as they are wanted. */
static const char records_sql[] =
    "DECLARE records NO SCROLL CURSOR FOR "
    "SELECT pg_catalog.row_to_json(s)::text, s.app_id, s.created_at::text, s.id::text "
    "FROM sync_changes s WHERE s.user_id = $1 AND ($2::text IS NULL OR "
    "(s.app_id, s.created_at, s.id) > ($2, $3::timestamptz, $4::uuid)) "
    "ORDER BY s.app_id, s.created_at, s.id";

/* A page of records: `most`, or `most_bytes` of them. */
struct page {
	int most, most_bytes;
	int count, bytes;
	ArrayBuildState *records;
	char *last[3]; /* app_id, created_at, id of the last one */
	bool full;
};

#define BATCH_MAX   64
#define ERASE_BATCH 20000

enum records_column { RECORD, APP_ID };
enum records_argument { USER_ID, AFTER_APP_ID, AFTER_CREATED_AT, AFTER_ID, MOST, MOST_BYTES };

static void page_fill(struct page *page, struct remote *r);
static void page_add(struct page *page, const PGresult *rows);
static Datum answer(FunctionCallInfo fcinfo, int64 count, const char *reason);
static int64 count_of(const PGresult *result);

/* (user_id, after_app_id, after_created_at, after_id, most, most_bytes) → records, the last one's
 * app_id, created_at and id, reason */
Datum
mana_sync_records(PG_FUNCTION_ARGS)
{
	const char *arguments[AFTER_ID + 1] = {NULL}, *reason;
	struct page page = {
	    .most = PG_GETARG_INT32(MOST), .most_bytes = PG_GETARG_INT32(MOST_BYTES)};
	Datum values[5] = {0};
	bool nulls[5] = {true, true, true, true, true};
	struct remote *r;
	TupleDesc shape;

	if (get_call_result_type(fcinfo, NULL, &shape) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	for (int i = USER_ID; i <= AFTER_ID; i++)
		if (!PG_ARGISNULL(i))
			arguments[i] = text_to_cstring(PG_GETARG_TEXT_PP(i));
	r = remote_begin(SYNC_SERVER, arguments[USER_ID], REMOTE_READ, &reason);
	page.records = initArrayResult(TEXTOID, CurrentMemoryContext, false);
	if (r != NULL) {
		if (remote_query(r, records_sql, AFTER_ID + 1, arguments) != NULL)
			page_fill(&page, r);
		reason = remote_reason(r);
		remote_close(r);
	}
	values[0] = makeArrayResult(page.records, CurrentMemoryContext);
	nulls[0] = false;
	for (int i = 0; i < lengthof(page.last) && page.count > 0; i++) {
		values[1 + i] = CStringGetTextDatum(page.last[i]);
		nulls[1 + i] = false;
	}
	if (reason != NULL) {
		values[4] = CStringGetTextDatum(reason);
		nulls[4] = false;
	}
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(shape), values, nulls)));
}

/* In batches of about as many as still go in, by the size of those before. */
static void
page_fill(struct page *page, struct remote *r)
{
	int batch = 1;

	while (!page->full) {
		const PGresult *rows =
		    remote_query(r, psprintf("FETCH %d FROM records", batch), 0, NULL);

		if (rows == NULL)
			return;
		page_add(page, rows);
		if (PQntuples(rows) < batch)
			return;
		batch = (page->most_bytes - page->bytes) / (page->bytes / page->count + 1);
		batch = Max(1, Min(batch, BATCH_MAX));
	}
}

static void
page_add(struct page *page, const PGresult *rows)
{
	for (int i = 0; i < PQntuples(rows) && !page->full; i++) {
		int length = PQgetlength(rows, i, RECORD);

		if (page->count > 0 && page->bytes + length > page->most_bytes) {
			page->full = true; /* the next page begins with it */
			return;
		}
		page->records = accumArrayResult(page->records,
		    CStringGetTextDatum(PQgetvalue(rows, i, RECORD)), false, TEXTOID,
		    CurrentMemoryContext);
		for (int k = 0; k < lengthof(page->last); k++)
			page->last[k] = pstrdup(PQgetvalue(rows, i, APP_ID + k));
		page->bytes += length;
		page->full = ++page->count == page->most || page->bytes >= page->most_bytes;
	}
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

/* (user_id) → how many rows are gone, reason. By batches that are committed one by one, so that
 * even what cannot be deleted in the time of one call gets less with each. What was deleted may be
 * unknown when the connection breaks in a COMMIT; deleting again does no harm. */
Datum
mana_sync_erase(PG_FUNCTION_ARGS)
{
	static const char sql[] =
	    "DELETE FROM sync_changes d WHERE d.user_id = $1 AND d.id = ANY (ARRAY("
	    "SELECT s.id FROM sync_changes s WHERE s.user_id = $1 LIMIT $2))";
	const char *const arguments[] = {
	    text_to_cstring(PG_GETARG_TEXT_PP(0)), CppAsString2(ERASE_BATCH)};
	const PGresult *result;
	const char *reason;
	int64 deleted = 0, batch = 0;
	struct remote *r = remote_begin(SYNC_SERVER, arguments[0], REMOTE_WRITE, &reason);

	if (r == NULL)
		return answer(fcinfo, 0, reason);
	do {
		result = remote_query(r, sql, lengthof(arguments), arguments);
		batch = result != NULL ? count_of(result) : 0;
		deleted += batch;
	} while (batch == ERASE_BATCH && remote_again(r));
	return answer(fcinfo, deleted, remote_commit(r));
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
