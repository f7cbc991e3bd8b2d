/*
 * Rate limits, counted for all edges together in shared memory: fixed windows by class and client,
 * the classes and numbers of the service before us. auth_api.caller counts while it builds the
 * caller, so no routine can forget to.
 *
 * A table is a fixed number of small buckets, each with its own lock. Keys are keyed hashes, so
 * that nobody can aim at a bucket. Counters are gone after a crash.
 *
 * Requests and guesses have a table each. A full bucket of requests gives up its oldest window. A
 * full bucket of guesses refuses instead: whoever fills it must not make a count forgotten. Guesses
 * are counted also when mana_auth.rate_limit is off.
 *
 * A transaction that is undone takes back what it counted of mails and invitations, which are
 * undone with it: the edge sends a call again that could not have a lock. Guesses stay counted,
 * because their result may have been seen.
 */
#include "postgres.h"

#include <sodium.h>
#include <sys/socket.h>

#include "access/xact.h"
#include "errors.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "rate_limit.h"
#include "seam.h"
#include "storage/ipc.h"
#include "storage/lwlock.h"
#include "storage/shmem.h"
#include "storage/spin.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/inet.h"
#include "utils/timestamp.h"
#include "compat.h"

#define BUCKETS             8192  /* of requests; a power of two */
#define GUESS_BUCKETS       32768 /* of guesses: 229,376 windows, or 254 new subjects a second */
#define BUCKET_ENTRIES      7
#define GUESS_SECONDS       900 /* the window of every class of guesses */
#define TRANSACTION_SECONDS 120 /* how old a transaction may be that makes a caller */
#define FULL_SECONDS        5   /* to wait where no guess can be counted */
#define IPV6_KEPT_BYTES     8   /* a /64 is one client (RFC 6177) */
#define TAKEN_MAX           16  /* beyond it a count stays: a call counts a few mails */

enum counted {
	REQUESTS,
	EFFECTS, /* undone with the transaction, and so is their count */
	GUESSES,
};

struct limit {
	const char *class;
	int window_seconds;
	int max;
	enum counted counted;
};

static const struct limit limits[] = {
    {"sign_in", 10, 3, REQUESTS},
    {"sign_in_failure", 900, 20, REQUESTS}, /* of one client, whatever accounts it tries */
    {"sign_in_slow", 10, 1, REQUESTS},      /* attempts of a client with that many failures */
    {"password_guess", GUESS_SECONDS, 20, GUESSES}, /* of one account */
    {"code_guess", GUESS_SECONDS, 20, GUESSES},     /* of one second factor */
    {"sign_up", 10, 3, REQUESTS},
    {"change_password", 10, 3, REQUESTS},
    {"change_email", 10, 3, REQUESTS},
    {"mail", 60, 3, EFFECTS},
    {"mail_10_minutes", 600, 5, EFFECTS}, /* to one address, asked for by anybody */
    {"mail_hour", 3600, 10, EFFECTS},
    {"invitation", 60, 20, EFFECTS}, /* of one inviter */
    {"two_factor", 10, 3, REQUESTS},
    {"magic_link", 60, 5, REQUESTS},
    {"passkey", 60, 20, REQUESTS},
    {"passkey_failure", 300, 10, REQUESTS},
    {"session_over", 900, 10, REQUESTS}, /* rows of the trail for one session that has ended */
    {"data", 60, 60, REQUESTS},          /* a user's data: asks other services */
    {"api_key", 10, 1000, REQUESTS},     /* of a service, for all its users */
    {"default", 10, 100, REQUESTS},
};

struct entry {
	uint64 key;
	TimestampTz since;
	int count;
};

/* A count of the running transaction that its abort takes back. */
struct taken {
	uint64 key;
	TimestampTz since;
};

struct bucket {
	slock_t lock;
	struct entry entries[BUCKET_ENTRIES];
};

struct table {
	unsigned char hash_key[crypto_shorthash_KEYBYTES];
	struct bucket buckets[BUCKETS];
	struct bucket guesses[GUESS_BUCKETS];
};

PG_FUNCTION_INFO_V1(mana_caller);
PG_FUNCTION_INFO_V1(mana_rate_limit_count);
PG_FUNCTION_INFO_V1(mana_rate_limit_wait);
PG_FUNCTION_INFO_V1(mana_rate_limit_clear);

static struct table *table;
static bool enabled = true;
static struct taken taken[TAKEN_MAX];
static int taken_count;
static shmem_request_hook_type next_shmem_request;
static shmem_startup_hook_type next_shmem_startup;

static void request_memory(void);
static void start_up(void);
static void check_transaction(void);
static const struct limit *limit_of(const text *class);
static bool is_counted(const struct limit *limit);
static uint64 key_of(const text *class, const inet *ip, const text *subject);
static int count(uint64 key, const struct limit *limit, struct taken *counted);
static void transaction_ended(XactEvent event, void *arg);
static void take_back(const struct taken *counted);
static int wait_of(uint64 key, const struct limit *limit);
static void forget(uint64 key, const struct limit *limit);
static struct bucket *bucket_of(uint64 key, const struct limit *limit);
static struct entry *
entry_of(struct bucket *bucket, uint64 key, const struct limit *limit, TimestampTz now);
static _Noreturn void refuse(int retry_after_seconds);

void
rate_limit_init(void)
{
	DefineCustomBoolVariable("mana_auth.rate_limit",
	    "Counts and limits the requests of clients.", NULL, &enabled, true, PGC_SIGHUP,
	    GUC_SUPERUSER_ONLY, NULL, NULL, NULL);
	next_shmem_request = shmem_request_hook;
	shmem_request_hook = request_memory;
	next_shmem_startup = shmem_startup_hook;
	shmem_startup_hook = start_up;
	RegisterXactCallback(transaction_ended, NULL);
}

static void
request_memory(void)
{
	if (next_shmem_request)
		next_shmem_request();
	RequestAddinShmemSpace(MAXALIGN(sizeof(struct table)));
}

static void
start_up(void)
{
	bool found;

	if (next_shmem_startup)
		next_shmem_startup();
	LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
	table = ShmemInitStruct("mana_auth rate limits", sizeof(struct table), &found);
	if (!found) {
		memset(table, 0, sizeof(*table));
		randombytes_buf(table->hash_key, sizeof(table->hash_key));
		for (int i = 0; i < BUCKETS; i++)
			SpinLockInit(&table->buckets[i].lock);
		for (int i = 0; i < GUESS_BUCKETS; i++)
			SpinLockInit(&table->guesses[i].lock);
	}
	LWLockRelease(AddinShmemInitLock);
}

/* auth_api.caller: its arguments as a row, after the request has been counted. */
Datum
mana_caller(PG_FUNCTION_ARGS)
{
	struct caller caller;
	int retry_after;

	check_transaction();
	if (enabled && !PG_ARGISNULL(CALLER_RATE_CLASS) && !PG_ARGISNULL(CALLER_IP)) {
		const text *class = PG_GETARG_TEXT_PP(CALLER_RATE_CLASS);
		const inet *ip = PG_GETARG_INET_PP(CALLER_IP);
		const struct limit *limit = limit_of(class);

		retry_after = limit ? count(key_of(class, ip, NULL), limit, NULL) : 0;
		if (retry_after > 0)
			refuse(retry_after);
	}
	for (int i = 0; i < CALLER_COLUMNS; i++) {
		caller.values[i] = PG_GETARG_DATUM(i);
		caller.nulls[i] = PG_ARGISNULL(i);
	}
	PG_RETURN_DATUM(HeapTupleGetDatum(
	    heap_form_tuple(seam_result(fcinfo, CALLER_COLUMNS), caller.values, caller.nulls)));
}

/*
 * What a call decides is true now: its snapshot is taken for its statement, and now(), which is the
 * start of the transaction, is near. A transaction that was begun before a session ended, or before
 * a proof of identity expired, must not act on it.
 */
static void
check_transaction(void)
{
	int64 age = GetCurrentTimestamp() - GetCurrentTransactionStartTimestamp();

	if (IsolationUsesXactSnapshot())
		ereport(ERROR, errcode(ERRCODE_ACTIVE_SQL_TRANSACTION),
		    errmsg("routines of auth_api need the isolation level READ COMMITTED"));
	if (age > (int64)TRANSACTION_SECONDS * USECS_PER_SEC)
		ereport(ERROR, errcode(ERRCODE_ACTIVE_SQL_TRANSACTION),
		    errmsg("routines of auth_api need a transaction that began within %d seconds",
			TRANSACTION_SECONDS));
}

/* auth.rate_limit_count(class, subject): the same for what is not a client address; seconds to
 * wait, 0 when within. */
Datum
mana_rate_limit_count(PG_FUNCTION_ARGS)
{
	const text *class = PG_GETARG_TEXT_PP(0);
	const struct limit *limit = limit_of(class);
	struct taken counted = {0};
	int wait_seconds;

	if (limit == NULL || !is_counted(limit))
		PG_RETURN_INT32(0);
	wait_seconds = count(key_of(class, NULL, PG_GETARG_TEXT_PP(1)), limit, &counted);
	if (limit->counted == EFFECTS && counted.key != 0 && taken_count < TAKEN_MAX)
		taken[taken_count++] = counted;
	PG_RETURN_INT32(wait_seconds);
}

/* auth.rate_limit_wait(class, subject): what counting once more would answer, without counting. */
Datum
mana_rate_limit_wait(PG_FUNCTION_ARGS)
{
	const text *class = PG_GETARG_TEXT_PP(0);
	const struct limit *limit = limit_of(class);

	if (limit == NULL || !is_counted(limit))
		PG_RETURN_INT32(0);
	PG_RETURN_INT32(wait_of(key_of(class, NULL, PG_GETARG_TEXT_PP(1)), limit));
}

/* auth.rate_limit_clear(class, subject): as if it had never been counted. */
Datum
mana_rate_limit_clear(PG_FUNCTION_ARGS)
{
	const text *class = PG_GETARG_TEXT_PP(0);
	const struct limit *limit = limit_of(class);

	if (limit != NULL)
		forget(key_of(class, NULL, PG_GETARG_TEXT_PP(1)), limit);
	PG_RETURN_VOID();
}

/* A class is a name of the table, or `name/what` to count apart under the same numbers; `none` is
 * not counted. */
static const struct limit *
limit_of(const text *class)
{
	const char *name = VARDATA_ANY(class);
	size_t len = VARSIZE_ANY_EXHDR(class);
	const char *slash = memchr(name, '/', len);

	if (slash != NULL)
		len = (size_t)(slash - name);
	if (len == 4 && memcmp(name, "none", 4) == 0)
		return NULL;
	for (size_t i = 0; i < lengthof(limits); i++)
		if (strlen(limits[i].class) == len && memcmp(limits[i].class, name, len) == 0)
			return &limits[i];
	ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE),
	    errmsg("there is no rate class \"%s\"", text_to_cstring(class)));
}

static bool
is_counted(const struct limit *limit)
{
	return enabled || limit->counted == GUESSES;
}

static uint64
key_of(const text *class, const inet *ip, const text *subject)
{
	unsigned char in[512];
	size_t len = Min(VARSIZE_ANY_EXHDR(class), 255);
	uint64 key;

	memcpy(in, VARDATA_ANY(class), len);
	in[len++] = '\0';
	if (ip != NULL) {
		size_t kept = ip_family(ip) == PGSQL_AF_INET6 ? IPV6_KEPT_BYTES : 4;

		memcpy(in + len, ip_addr(ip), kept);
		len += kept;
	} else {
		size_t kept = Min(VARSIZE_ANY_EXHDR(subject), sizeof(in) - len);

		memcpy(in + len, VARDATA_ANY(subject), kept);
		len += kept;
	}
	crypto_shorthash((unsigned char *)&key, in, len, table->hash_key);
	return key == 0 ? 1 : key;
}

static void
transaction_ended(XactEvent event, void *arg)
{
	if (event != XACT_EVENT_ABORT && event != XACT_EVENT_COMMIT)
		return;
	for (int i = 0; event == XACT_EVENT_ABORT && i < taken_count; i++)
		take_back(&taken[i]);
	taken_count = 0;
}

/* One less in the window that was counted in, if it is still the present one. */
static void
take_back(const struct taken *counted)
{
	struct bucket *bucket = &table->buckets[counted->key & (BUCKETS - 1)];

	SpinLockAcquire(&bucket->lock);
	for (int i = 0; i < BUCKET_ENTRIES; i++) {
		struct entry *entry = &bucket->entries[i];

		if (entry->key == counted->key && entry->since == counted->since &&
		    entry->count > 0)
			entry->count--;
	}
	SpinLockRelease(&bucket->lock);
}

/* Seconds to wait, 0 when the request is within its limit. It is now counted, and *counted (or
 * NULL) says where. */
static int
count(uint64 key, const struct limit *limit, struct taken *counted)
{
	struct bucket *bucket = bucket_of(key, limit);
	TimestampTz now = GetCurrentTimestamp();
	int64 window = (int64)limit->window_seconds * USECS_PER_SEC;
	int64 wait = 0;
	struct entry *entry;

	SpinLockAcquire(&bucket->lock);
	entry = entry_of(bucket, key, limit, now);
	if (entry == NULL) {
		SpinLockRelease(&bucket->lock);
		return FULL_SECONDS;
	}
	if (entry->count == 0 || now - entry->since >= window || now < entry->since) {
		entry->since = now;
		entry->count = 1;
	} else if (entry->count >= limit->max) {
		wait = entry->since + window - now;
	} else {
		entry->count++;
	}
	if (counted != NULL && wait == 0)
		*counted = (struct taken){key, entry->since};
	SpinLockRelease(&bucket->lock);
	return (int)((wait + USECS_PER_SEC - 1) / USECS_PER_SEC);
}

static int
wait_of(uint64 key, const struct limit *limit)
{
	struct bucket *bucket = bucket_of(key, limit);
	TimestampTz now = GetCurrentTimestamp();
	int64 window = (int64)limit->window_seconds * USECS_PER_SEC;
	int64 wait = 0;

	SpinLockAcquire(&bucket->lock);
	for (int i = 0; i < BUCKET_ENTRIES; i++) {
		const struct entry *entry = &bucket->entries[i];

		if (entry->key == key && entry->count >= limit->max && now >= entry->since)
			wait = Max(entry->since + window - now, 0);
	}
	SpinLockRelease(&bucket->lock);
	return (int)((wait + USECS_PER_SEC - 1) / USECS_PER_SEC);
}

static void
forget(uint64 key, const struct limit *limit)
{
	struct bucket *bucket = bucket_of(key, limit);

	SpinLockAcquire(&bucket->lock);
	for (int i = 0; i < BUCKET_ENTRIES; i++)
		if (bucket->entries[i].key == key)
			bucket->entries[i] = (struct entry){0};
	SpinLockRelease(&bucket->lock);
}

static struct bucket *
bucket_of(uint64 key, const struct limit *limit)
{
	return limit->counted == GUESSES ? &table->guesses[key & (GUESS_BUCKETS - 1)]
					 : &table->buckets[key & (BUCKETS - 1)];
}

/* The subject's entry, or one for it. NULL: the bucket is full of guesses that count. */
static struct entry *
entry_of(struct bucket *bucket, uint64 key, const struct limit *limit, TimestampTz now)
{
	struct entry *oldest = &bucket->entries[0];

	for (int i = 0; i < BUCKET_ENTRIES; i++) {
		struct entry *entry = &bucket->entries[i];

		if (entry->key == key)
			return entry;
		if (entry->since < oldest->since)
			oldest = entry;
	}
	if (limit->counted == GUESSES && oldest->count > 0 && now >= oldest->since &&
	    now - oldest->since < (int64)GUESS_SECONDS * USECS_PER_SEC)
		return NULL;
	*oldest = (struct entry){.key = key};
	return oldest;
}

static void
refuse(int retry_after_seconds)
{
	ereport(ERROR, errcode(MANA_ERRCODE(429)), errmsg("too many requests"),
	    errdetail_internal(
		"{\"code\":\"RATE_LIMITED\",\"retryAfterSeconds\":%d}", retry_after_seconds));
}
