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
#include "nodes/makefuncs.h"
#include "partitioning/partbounds.h"
#include "partitioning/partdesc.h"
#include "port/pg_bswap.h"
#include "random.h"
#include "shared_key.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
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
#define WRITER_LOCK    INT64CONST(0x6d616e612e617564)   /* of advisory locks: "mana.aud" */
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

/* A partition of the trail, and when it is written to. */
struct month {
	uint64 version; /* of the catalog when it was true */
	Oid table;
	TimestampTz from, until;
};

static void audit_mac(unsigned char mac[crypto_auth_hmacsha256_BYTES],
    const Datum values[AUDIT_COLUMNS], const bool nulls[AUDIT_COLUMNS]);
static const crypto_auth_hmacsha256_state *audit_key(void);
static void add_number(crypto_auth_hmacsha256_state *state, uint64 number);
static void insert_row(const Datum values[AUDIT_COLUMNS], const bool nulls[AUDIT_COLUMNS]);
static ExprState *always(void);
static Relation open_month(TimestampTz when);
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

	DirectFunctionCall1(pg_advisory_lock_int8, Int64GetDatum(WRITER_LOCK));
	settled = GetCurrentTimestamp();
	DirectFunctionCall1(pg_advisory_unlock_int8, Int64GetDatum(WRITER_LOCK));
	PG_RETURN_TIMESTAMPTZ(settled);
}

void
audit_write(const struct caller *caller, const char *user_id, const char *action,
    const char *context, int status)
{
	bytea *mac = palloc(VARHDRSZ + crypto_auth_hmacsha256_BYTES);
	Datum values[AUDIT_COLUMNS];
	bool nulls[AUDIT_COLUMNS];

	DirectFunctionCall1(pg_advisory_xact_lock_shared_int8, Int64GetDatum(WRITER_LOCK));
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

/*
 * Straight into the month, as logical replication writes its rows: constraints, triggers and
 * indexes are kept, the planner is not asked. What row-level security would ask is asked here.
 */
static void
insert_row(const Datum values[AUDIT_COLUMNS], const bool nulls[AUDIT_COLUMNS])
{
	Relation month = open_month(DatumGetTimestampTz(values[CREATED_AT]));
	TupleTableSlot *row = table_slot_create(month, NULL);
	EState *state = CreateExecutorState();
	ResultRelInfo *target = makeNode(ResultRelInfo);

	if (!identity_is(TextDatumGetCString(values[USER_ID])))
		ereport(ERROR, errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
		    errmsg("a row of the trail is of another user than the transaction"));
	if (RelationGetDescr(month)->natts != AUDIT_COLUMNS)
		elog(ERROR, "%s has an unexpected shape", RelationGetRelationName(month));
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
	table_close(month, NoLock);
	CommandCounterIncrement();
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
open_month(TimestampTz when)
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
		known.version = version;
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
	}
	table_close(trail, AccessShareLock);
	return month >= 0;
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
