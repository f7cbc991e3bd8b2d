/*
 * The vault's trail. Each row carries an HMAC-SHA-256 over its other columns under the audit key,
 * so that a row which somebody changed or made without that key shows (auth.vault_audit_verify).
 * The key lies sealed in auth.secrets; a backend opens it once and keeps it in locked memory.
 */
#include "postgres.h"

#include <sodium.h>

#include "access/heapam.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "audit.h"
#include "catalog.h"
#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "compat.h"
#include "executor/executor.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "identity.h"
#include "lock.h"
#include "nodes/makefuncs.h"
#include "partitioning/partbounds.h"
#include "partitioning/partdesc.h"
#include "port/pg_bswap.h"
#include "random.h"
#include "shared_key.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/guc.h"
#include "utils/inet.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/partcache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

PG_FUNCTION_INFO_V1(mana_vault_audit_write);
PG_FUNCTION_INFO_V1(mana_vault_audit_mac);
PG_FUNCTION_INFO_V1(mana_vault_audit_settled);

#define AUDIT_ID_CHARS 21
#define MAC_LABEL      "mana.vault.audit.v1"
#define LOOK_AHEAD_US  (INT64CONST(31) * USECS_PER_DAY) /* a month from now is another month */
#define LOOK_EVERY_US  USECS_PER_HOUR

/* In the order of the table's columns. */
enum audit_column {
	ID,
	USER_ID,
	ACTION,
	IP_ADDRESS,
	USER_AGENT,
	CONTEXT,
	STATUS,
	REQUEST_ID,
	CREATED_AT,
	MAC,
	AUDIT_COLUMNS
};

/* A partition of the audit table, and when it is written to. */
struct month {
	uint64 version; /* of the catalog when it was true */
	Oid table;
	TimestampTz from, until;
	bool is_plain; /* neither the partition nor the table needs the executor */
};

static void audit_mac(unsigned char mac[crypto_auth_hmacsha256_BYTES],
    const Datum values[AUDIT_COLUMNS], const bool nulls[AUDIT_COLUMNS]);
static const crypto_auth_hmacsha256_state *audit_key(void);
static void add_number(crypto_auth_hmacsha256_state *state, uint64 number);
static void insert_row(const Datum values[AUDIT_COLUMNS], const bool nulls[AUDIT_COLUMNS]);
static void
insert_directly(Relation month, const Datum values[AUDIT_COLUMNS], const bool nulls[AUDIT_COLUMNS]);
static void insert_by_query(const Datum values[AUDIT_COLUMNS], const bool nulls[AUDIT_COLUMNS]);
static ExprState *always(void);
static Relation open_month(bool *is_plain, TimestampTz when);
static bool is_plain(Relation table);
static void find_or_make_month(struct month *out, TimestampTz when);
static void warn_of_missing_month(TimestampTz when);
static bool find_month(struct month *out, TimestampTz when);
static TimestampTz bound_of(PartitionBoundInfo bounds, int i);

/* auth.vault_audit_write(caller, user_id, action, context, status) */
Datum
mana_vault_audit_write(PG_FUNCTION_ARGS)
{
	struct caller caller;

	if (PG_ARGISNULL(1) || PG_ARGISNULL(2) || PG_ARGISNULL(4))
		ereport(ERROR, errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
		    errmsg("a row of the trail needs user, action and status"));
	if (!PG_ARGISNULL(0))
		caller_read(&caller, PG_GETARG_HEAPTUPLEHEADER(0));
	audit_write(PG_ARGISNULL(0) ? NULL : &caller, text_to_cstring(PG_GETARG_TEXT_PP(1)),
	    text_to_cstring(PG_GETARG_TEXT_PP(2)),
	    PG_ARGISNULL(3) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(3)), PG_GETARG_INT32(4));
	PG_RETURN_VOID();
}

/* auth.vault_audit_mac(row) */
Datum
mana_vault_audit_mac(PG_FUNCTION_ARGS)
{
	HeapTupleHeader row = PG_GETARG_HEAPTUPLEHEADER(0);
	bytea *mac = palloc(VARHDRSZ + crypto_auth_hmacsha256_BYTES);
	Datum values[AUDIT_COLUMNS];
	bool nulls[AUDIT_COLUMNS];

	for (int i = 0; i < AUDIT_COLUMNS; i++)
		values[i] = GetAttributeByNum(row, (AttrNumber)(i + 1), &nulls[i]);
	SET_VARSIZE(mac, VARHDRSZ + crypto_auth_hmacsha256_BYTES);
	audit_mac((unsigned char *)VARDATA(mac), values, nulls);
	PG_RETURN_BYTEA_P(mac);
}

/* auth.vault_audit_settled(): waits for those who write, and they wait no longer than this takes.
 */
Datum
mana_vault_audit_settled(PG_FUNCTION_ARGS)
{
	TimestampTz settled;

	/* A writer takes its time after its lock: with an earlier time it holds the lock already.
	 */
	settled = GetCurrentTimestamp();
	lock_wait_for_holders(LOCK_AUDIT_WRITERS, 0);
	PG_RETURN_TIMESTAMPTZ(settled);
}

void
audit_write(const struct caller *caller, const char *user_id, const char *action,
    const char *context, int status)
{
	bytea *mac = palloc(VARHDRSZ + crypto_auth_hmacsha256_BYTES);
	Datum values[AUDIT_COLUMNS];
	bool nulls[AUDIT_COLUMNS];

	lock_share(LOCK_AUDIT_WRITERS, 0);
	SET_VARSIZE(mac, VARHDRSZ + crypto_auth_hmacsha256_BYTES);
	memset(nulls, true, sizeof(nulls));
	if (caller != NULL) {
		nulls[IP_ADDRESS] = caller->nulls[CALLER_IP];
		if (!nulls[IP_ADDRESS])
			values[IP_ADDRESS] =
			    DirectFunctionCall1(network_host, caller->values[CALLER_IP]);
		values[USER_AGENT] = caller->values[CALLER_USER_AGENT];
		nulls[USER_AGENT] = caller->nulls[CALLER_USER_AGENT];
		values[REQUEST_ID] = caller->values[CALLER_REQUEST_ID];
		nulls[REQUEST_ID] = caller->nulls[CALLER_REQUEST_ID];
	}
	values[ID] = DirectFunctionCall1(mana_random_id, Int32GetDatum(AUDIT_ID_CHARS));
	values[USER_ID] = CStringGetTextDatum(user_id);
	values[ACTION] = CStringGetTextDatum(action);
	values[CONTEXT] = context ? CStringGetTextDatum(context) : (Datum)0;
	values[STATUS] = Int32GetDatum(status);
	values[CREATED_AT] = TimestampTzGetDatum(GetCurrentTimestamp());
	values[MAC] = PointerGetDatum(mac);
	nulls[ID] = nulls[USER_ID] = nulls[ACTION] = nulls[STATUS] = nulls[CREATED_AT] =
	    nulls[MAC] = false;
	nulls[CONTEXT] = context == NULL;
	audit_mac((unsigned char *)VARDATA(mac), values, nulls);
	insert_row(values, nulls);
}

/* Each column as its length and bytes, a NULL as the largest length: no two rows read the same. */
static void
audit_mac(unsigned char mac[crypto_auth_hmacsha256_BYTES], const Datum values[AUDIT_COLUMNS],
    const bool nulls[AUDIT_COLUMNS])
{
	crypto_auth_hmacsha256_state state = *audit_key();

	crypto_auth_hmacsha256_update(&state, (const unsigned char *)MAC_LABEL, sizeof(MAC_LABEL));
	for (int i = 0; i < MAC; i++) {
		if (nulls[i])
			add_number(&state, PG_UINT64_MAX);
		else if (i == STATUS)
			add_number(&state, (uint64)DatumGetInt32(values[i]));
		else if (i == CREATED_AT)
			add_number(&state, (uint64)DatumGetTimestampTz(values[i]));
		else {
			const text *value = DatumGetTextPP(values[i]);

			add_number(&state, VARSIZE_ANY_EXHDR(value));
			crypto_auth_hmacsha256_update(&state,
			    (const unsigned char *)VARDATA_ANY(value), VARSIZE_ANY_EXHDR(value));
		}
	}
	crypto_auth_hmacsha256_final(&state, mac);
	sodium_memzero(&state, sizeof(state));
}

static void
add_number(crypto_auth_hmacsha256_state *state, uint64 number)
{
	uint64 big_endian = pg_hton64(number);

	crypto_auth_hmacsha256_update(
	    state, (const unsigned char *)&big_endian, sizeof(big_endian));
}

/* Raises MA503 when the key ring cannot open the key. */
static const crypto_auth_hmacsha256_state *
audit_key(void)
{
	static struct shared_key key = {.routine = "vault_audit_key"};
	const crypto_auth_hmacsha256_state *keyed = shared_key(&key);

	if (keyed == NULL)
		elog(ERROR, "there is no audit key");
	return keyed;
}

/* What row-level security would ask for a query is asked here for both ways. */
static void
insert_row(const Datum values[AUDIT_COLUMNS], const bool nulls[AUDIT_COLUMNS])
{
	bool plain;
	Relation month = open_month(&plain, DatumGetTimestampTz(values[CREATED_AT]));

	if (!identity_is(TextDatumGetCString(values[USER_ID])))
		ereport(ERROR, errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
		    errmsg("audit row user does not match transaction identity"));
	if (plain)
		insert_directly(month, values, nulls);
	else
		insert_by_query(values, nulls);
	table_close(month, NoLock);
	CommandCounterIncrement();
}

/*
 * Straight into the month, as logical replication writes its rows: constraints and indexes are
 * kept, the planner is not asked.
 */
static void
insert_directly(Relation month, const Datum values[AUDIT_COLUMNS], const bool nulls[AUDIT_COLUMNS])
{
	TupleTableSlot *row = table_slot_create(month, NULL);
	EState *state = CreateExecutorState();
	ResultRelInfo *target = makeNode(ResultRelInfo);

	memcpy(row->tts_values, values, AUDIT_COLUMNS * sizeof(Datum));
	memcpy(row->tts_isnull, nulls, AUDIT_COLUMNS * sizeof(bool));
	ExecStoreVirtualTuple(row);
	InitResultRelInfo(target, month, 0, NULL, 0); /* in no range table */
	target->ri_PartitionCheckExpr = always();
	ExecOpenIndices(target, false);
	PushActiveSnapshot(GetTransactionSnapshot());
	ExecSimpleRelationInsert(target, state, row);
	PopActiveSnapshot();
	ExecCloseIndices(target);
	ExecDropSingleTupleTableSlot(row);
	FreeExecutorState(state);
}

/*
 * The row as an INSERT: a DBA gave the table triggers, rules or columns of their own, which only
 * the executor knows. A rule or trigger that drops the row refuses the call.
 */
static void
insert_by_query(const Datum values[AUDIT_COLUMNS], const bool nulls[AUDIT_COLUMNS])
{
	static Oid types[AUDIT_COLUMNS] = {TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID,
	    INT4OID, TEXTOID, TIMESTAMPTZOID, BYTEAOID};
	char null_flags[AUDIT_COLUMNS + 1];
	Datum arguments[AUDIT_COLUMNS];
	int level;

	for (int i = 0; i < AUDIT_COLUMNS; i++)
		null_flags[i] = nulls[i] ? 'n' : ' ';
	null_flags[AUDIT_COLUMNS] = '\0';
	memcpy(arguments, values, sizeof(arguments));
	/* A trigger runs with the rights of the owner: the session does not choose what it calls.
	 */
	level = NewGUCNestLevel();
	(void)set_config_option("search_path", "pg_catalog, pg_temp", PGC_USERSET, PGC_S_SESSION,
	    GUC_ACTION_SAVE, true, 0, false);
	SPI_connect();
	if (SPI_execute_with_args(
		"INSERT INTO auth.encryption_vault_audit (id, user_id, action, ip_address, "
		"user_agent, context, status, request_id, created_at, mac) "
		"VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
		AUDIT_COLUMNS, types, arguments, null_flags, false, 0) != SPI_OK_INSERT ||
	    SPI_processed != 1)
		ereport(ERROR, errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
		    errmsg("the audit row was not stored"),
		    errhint("A rule or trigger of auth.encryption_vault_audit discards it."));
	SPI_finish();
	AtEOXact_GUC(true, level);
}

/* A row that was routed by the bounds is not compared with them again; the executor omits it for
 * rows that it has routed itself. */
static ExprState *
always(void)
{
	static ExprState *yes;

	if (yes == NULL) {
		MemoryContext caller = MemoryContextSwitchTo(TopMemoryContext);

		yes = ExecInitExpr((Expr *)makeBoolConst(true, false), NULL);
		MemoryContextSwitchTo(caller);
	}
	return yes;
}

/*
 * Without a month to write to there is no audit, and without audit no key. Edges make the months
 * ahead; the very first is made here, and when the next one is late it is said, every hour.
 */
static Relation
open_month(bool *plain, TimestampTz when)
{
	static struct month known;
	static TimestampTz next_look;

	for (;;) {
		uint64 version = catalog_version();
		Relation month;

		if (known.version != version || when < known.from || when >= known.until)
			find_or_make_month(&known, when);
		month = table_open(known.table, RowExclusiveLock);
		if (catalog_version() != version) { /* it may be no month any more */
			table_close(month, RowExclusiveLock);
			continue;
		}
		if (known.version != version) {
			known.is_plain = known.is_plain && is_plain(month);
			known.version = version;
		}
		*plain = known.is_plain;
		if (when >= next_look) {
			next_look = when + LOOK_EVERY_US;
			warn_of_missing_month(when + LOOK_AHEAD_US);
		}
		return month;
	}
}

static void
find_or_make_month(struct month *out, TimestampTz when)
{
	if (find_month(out, when))
		return;
	SPI_connect();
	if (SPI_execute("SELECT auth.vault_audit_make_partitions()", false, 1) != SPI_OK_SELECT)
		elog(ERROR, "could not make the audit's months");
	SPI_finish();
	if (!find_month(out, when))
		ereport(ERROR, errcode(ERRCODE_CHECK_VIOLATION),
		    errmsg("the vault's audit has no partition for now"));
}

static void
warn_of_missing_month(TimestampTz when)
{
	struct month month;

	if (!find_month(&month, when))
		ereport(WARNING,
		    errmsg("the vault's audit has no partition for next month: then every vault "
			   "call will fail"),
		    errhint("SELECT auth.vault_audit_make_partitions(); an edge does so every "
			    "minute."));
}

/* The partition whose bounds hold the time, as the executor routes; false: there is none. Its
 * version is left to who locks it. */
static bool
find_month(struct month *out, TimestampTz when)
{
	Relation trail = table_open(
	    get_relname_relid("encryption_vault_audit", get_namespace_oid("auth", false)),
	    AccessShareLock);
	PartitionKey key = RelationGetPartitionKey(trail);
	PartitionDesc months = RelationGetPartitionDesc(trail, true);
	Datum value = TimestampTzGetDatum(when);
	int bound = -1, month = -1;
	bool is_equal;

	if (months->boundinfo != NULL) {
		bound = partition_range_datum_bsearch(
		    key->partsupfunc, key->partcollation, months->boundinfo, 1, &value, &is_equal);
		month = months->boundinfo->indexes[bound + 1];
	}
	if (month >= 0 && bound >= 0) {
		out->version = 0;
		out->table = months->oids[month];
		out->from = bound_of(months->boundinfo, bound);
		out->until = bound_of(months->boundinfo, bound + 1);
		out->is_plain = is_plain(trail);
	}
	table_close(trail, AccessShareLock);
	return month >= 0;
}

/* Whether a row of our ten columns, in their order, is all that an insertion must store. */
static bool
is_plain(Relation table)
{
	static const char *const names[AUDIT_COLUMNS] = {"id", "user_id", "action", "ip_address",
	    "user_agent", "context", "status", "request_id", "created_at", "mac"};
	TupleDesc shape = RelationGetDescr(table);

	if (table->trigdesc != NULL || table->rd_rules != NULL || shape->natts != AUDIT_COLUMNS)
		return false;
	for (int i = 0; i < AUDIT_COLUMNS; i++)
		if (TupleDescAttr(shape, i)->attgenerated != '\0' ||
		    strcmp(NameStr(TupleDescAttr(shape, i)->attname), names[i]) != 0)
			return false;
	return true;
}

static TimestampTz
bound_of(PartitionBoundInfo bounds, int i)
{
	switch (bounds->kind[i][0]) {
	case PARTITION_RANGE_DATUM_MINVALUE:
		return DT_NOBEGIN;
	case PARTITION_RANGE_DATUM_MAXVALUE:
		return DT_NOEND;
	default:
		return DatumGetTimestampTz(bounds->datums[i][0]);
	}
}
