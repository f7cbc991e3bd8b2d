/*
 * libpq without waiting in it (remote.h): every wait is for the socket, the latch and the clock
 * together. The other side is given the same time as a statement_timeout, so that a query which
 * nobody waits for any more ends there as well. libpq looks host names up while it begins to
 * connect, and cannot be interrupted then: name an address (hostaddr) or a socket directory where
 * that matters.
 */
#include "postgres.h"

#include "catalog/pg_foreign_server.h"
#include "commands/defrem.h"
#include "foreign/foreign.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "remote.h"
#include "storage/fd.h"
#include "storage/latch.h"
#include "utils/acl.h"
#include "utils/guc.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"
#include "utils/wait_event.h"
#include "compat.h"

#define FIXED_OPTIONS 2 /* client_encoding, fallback_application_name */

struct remote {
	PGconn *connection;
	PGresult *result;
	TimestampTz deadline;
	const char *user_id;
	enum remote_access access;
	bool needs_password;
	const char *reason; /* NULL: no trouble so far */
	MemoryContextCallback callback;
};

struct options {
	const char **names;
	const char **values;
	int count;
	bool needs_password;
};

static int timeout_ms;

static bool options_find(struct options *out, const char *name);
static void options_add(struct options *out, List *from, const PQconninfoOption *known);
static bool has_mapping(Oid role, Oid server);
static bool needs_password(const ForeignServer *server, const UserMapping *mapping);
static const char *password_of(const UserMapping *mapping);
static void forget(void *remote);
static bool connect_to(struct remote *r, const struct options *options);
static bool begin(struct remote *r);
static bool send_all(struct remote *r);
static bool wait_for(struct remote *r, int events);
static bool keep_result(struct remote *r);
static bool fail(struct remote *r, const char *reason, const char *detail);

void
remote_define_settings(void)
{
	DefineCustomIntVariable("mana_auth.sync_timeout",
	    "How long one transaction in the sync database may take.", NULL, &timeout_ms, 3000, 50,
	    60000, PGC_SIGHUP, GUC_UNIT_MS, NULL, NULL, NULL);
}

struct remote *
remote_begin(
    const char *server, const char *user_id, enum remote_access access, const char **reason)
{
	struct options options;
	struct remote *r;

	*reason = REMOTE_NOT_CONFIGURED;
	if (!options_find(&options, server))
		return NULL;
	r = palloc0(sizeof(*r));
	r->user_id = user_id;
	r->access = access;
	r->needs_password = options.needs_password;
	r->deadline = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), timeout_ms);
	r->callback.func = forget;
	r->callback.arg = r;
	MemoryContextRegisterResetCallback(CurrentMemoryContext, &r->callback);
	if (connect_to(r, &options) && begin(r))
		return r;
	*reason = r->reason;
	remote_close(r);
	return NULL;
}

const PGresult *
remote_query(struct remote *r, const char *sql, int count, const char *const values[])
{
	if (r->reason != NULL)
		return NULL;
	if (PQsendQueryParams(r->connection, sql, count, NULL, values, NULL, NULL, 0) != 1) {
		(void)fail(r, REMOTE_UNREACHABLE, PQerrorMessage(r->connection));
		return NULL;
	}
	return send_all(r) && keep_result(r) ? r->result : NULL;
}

bool
remote_again(struct remote *r)
{
	return remote_query(r, "COMMIT", 0, NULL) != NULL && begin(r);
}

const char *
remote_commit(struct remote *r)
{
	const char *reason;

	(void)remote_query(r, "COMMIT", 0, NULL);
	reason = r->reason;
	remote_close(r);
	return reason;
}

const char *
remote_reason(const struct remote *r)
{
	return r->reason;
}

void
remote_close(struct remote *r)
{
	forget(r);
}

/* What libpq shall know: the options of the server and of the current user's mapping, as far as
 * they are libpq's and not the wrapper's own. False: there is no such server, no mapping, or no
 * right to use it. */
static bool
options_find(struct options *out, const char *name)
{
	ForeignServer *server = GetForeignServerByName(name, true);
	PQconninfoOption *known;
	UserMapping *mapping;
	int size;

	if (server == NULL || !has_mapping(GetUserId(), server->serverid) ||
	    foreign_server_aclcheck(server->serverid, GetUserId()) != ACLCHECK_OK)
		return false;
	mapping = GetUserMapping(GetUserId(), server->serverid);
	out->needs_password = needs_password(server, mapping);
	if (out->needs_password && password_of(mapping) == NULL) {
		ereport(LOG, errmsg("foreign server %s has no password in its user mapping", name),
		    errhidestmt(true), errhidecontext(true));
		return false;
	}
	size = list_length(server->options) + list_length(mapping->options) + FIXED_OPTIONS + 1;
	out->names = palloc0(size * sizeof(*out->names));
	out->values = palloc0(size * sizeof(*out->values));
	out->count = 0;
	known = PQconndefaults();
	if (known == NULL)
		ereport(ERROR, errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory"));
	options_add(out, server->options, known);
	options_add(out, mapping->options, known);
	PQconninfoFree(known);
	out->names[out->count] = "client_encoding";
	out->values[out->count++] = GetDatabaseEncodingName();
	out->names[out->count] = "fallback_application_name";
	out->values[out->count++] = "mana_auth";
	return true;
}

static void
options_add(struct options *out, List *from, const PQconninfoOption *known)
{
	ListCell *cell;

	foreach (cell, from) {
		DefElem *option = lfirst(cell);
		const PQconninfoOption *k = known;

		while (k->keyword != NULL && strcmp(k->keyword, option->defname) != 0)
			k++;
		if (k->keyword == NULL)
			continue;
		out->names[out->count] = option->defname;
		out->values[out->count++] = defGetString(option);
	}
}

static bool
has_mapping(Oid role, Oid server)
{
	return SearchSysCacheExists2(
		   USERMAPPINGUSERSERVER, ObjectIdGetDatum(role), ObjectIdGetDatum(server)) ||
	       SearchSysCacheExists2(
		   USERMAPPINGUSERSERVER, ObjectIdGetDatum(InvalidOid), ObjectIdGetDatum(server));
}

/* As postgres_fdw: without a password, a role that may create servers would be let in as the user
 * that the server runs as, often a superuser (trust and peer authentication, CVE-2007-6601). */
static bool
needs_password(const ForeignServer *server, const UserMapping *mapping)
{
	ListCell *cell;

	if (!superuser_arg(server->owner))
		return true;
	foreach (cell, mapping->options) {
		DefElem *option = lfirst(cell);

		if (strcmp(option->defname, "password_required") == 0)
			return defGetBoolean(option);
	}
	return true;
}

/* NULL: the mapping has none, or an empty one, which libpq would look for elsewhere. */
static const char *
password_of(const UserMapping *mapping)
{
	ListCell *cell;

	foreach (cell, mapping->options) {
		DefElem *option = lfirst(cell);

		if (strcmp(option->defname, "password") == 0 && defGetString(option)[0] != '\0')
			return defGetString(option);
	}
	return NULL;
}

/* Also what the memory context calls when it ends, by an error say; closing twice does nothing. */
static void
forget(void *remote)
{
	struct remote *r = remote;

	PQclear(r->result);
	r->result = NULL;
	if (r->connection == NULL)
		return;
	PQfinish(r->connection);
	r->connection = NULL;
	ReleaseExternalFD();
}

static bool
connect_to(struct remote *r, const struct options *options)
{
	PostgresPollingStatusType next = PGRES_POLLING_WRITING;

	if (!AcquireExternalFD())
		return fail(r, REMOTE_FAILED, "too many open files");
	r->connection = PQconnectStartParams(options->names, options->values, 0);
	if (r->connection == NULL) {
		ReleaseExternalFD();
		return fail(r, REMOTE_FAILED, "out of memory");
	}
	if (PQstatus(r->connection) == CONNECTION_BAD)
		return fail(r, REMOTE_UNREACHABLE, PQerrorMessage(r->connection));
	while (next != PGRES_POLLING_OK) {
		if (!wait_for(r,
			next == PGRES_POLLING_READING ? WL_SOCKET_READABLE : WL_SOCKET_WRITEABLE))
			return false;
		next = PQconnectPoll(r->connection);
		if (next == PGRES_POLLING_FAILED)
			return fail(r, REMOTE_UNREACHABLE, PQerrorMessage(r->connection));
	}
	if (r->needs_password && !PQconnectionUsedPassword(r->connection))
		return fail(r, REMOTE_NOT_CONFIGURED, "the server did not ask for the password");
	if (PQsetnonblocking(r->connection, 1) != 0)
		return fail(r, REMOTE_FAILED, PQerrorMessage(r->connection));
	return true;
}

static bool
begin(struct remote *r)
{
	char milliseconds[16];
	const char *const values[] = {r->user_id, milliseconds};

	snprintf(milliseconds, sizeof(milliseconds), "%d", timeout_ms);
	return remote_query(r, r->access == REMOTE_READ ? "BEGIN READ ONLY" : "BEGIN READ WRITE", 0,
		   NULL) != NULL &&
	       remote_query(r,
		   "SELECT pg_catalog.set_config('app.current_user_id', $1, true), "
		   "pg_catalog.set_config('statement_timeout', $2, true), "
		   "pg_catalog.set_config('lock_timeout', $2, true)",
		   2, values) != NULL;
}

static bool
send_all(struct remote *r)
{
	int left;

	while ((left = PQflush(r->connection)) > 0) {
		if (!wait_for(r, WL_SOCKET_READABLE | WL_SOCKET_WRITEABLE))
			return false;
		if (PQconsumeInput(r->connection) != 1)
			break;
	}
	return left == 0 || fail(r, REMOTE_UNREACHABLE, PQerrorMessage(r->connection));
}

/* Waits for the socket, and for nothing less: libpq takes a call as news of it. False: the time is
 * up. */
static bool
wait_for(struct remote *r, int events)
{
	int happened;

	do {
		long left_ms = TimestampDifferenceMilliseconds(GetCurrentTimestamp(), r->deadline);

		if (left_ms <= 0)
			return fail(r, REMOTE_TIMED_OUT, "no answer in time");
		happened = WaitLatchOrSocket(MyLatch,
		    WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH | events,
		    PQsocket(r->connection), left_ms, PG_WAIT_EXTENSION);
		if (happened & WL_LATCH_SET)
			ResetLatch(MyLatch);
		CHECK_FOR_INTERRUPTS();
	} while (!(happened & events));
	return true;
}

/* The last of a statement's results, which is the one that tells. */
static bool
keep_result(struct remote *r)
{
	const char *state;
	PGresult *next;

	PQclear(r->result);
	r->result = NULL;
	for (;;) {
		while (PQisBusy(r->connection)) {
			if (!wait_for(r, WL_SOCKET_READABLE))
				return false;
			if (PQconsumeInput(r->connection) != 1)
				return fail(r, REMOTE_UNREACHABLE, PQerrorMessage(r->connection));
		}
		next = PQgetResult(r->connection);
		if (next == NULL)
			break;
		PQclear(r->result);
		r->result = next;
	}
	if (PQresultStatus(r->result) == PGRES_TUPLES_OK ||
	    PQresultStatus(r->result) == PGRES_COMMAND_OK)
		return true;
	if (PQstatus(r->connection) == CONNECTION_BAD)
		return fail(r, REMOTE_UNREACHABLE, PQerrorMessage(r->connection));
	state = PQresultErrorField(r->result, PG_DIAG_SQLSTATE);
	return fail(r,
	    state != NULL && strcmp(state, "57014") == 0 ? REMOTE_TIMED_OUT : REMOTE_FAILED,
	    PQresultErrorMessage(r->result));
}

/* The first reason is the one that counts. */
static bool
fail(struct remote *r, const char *reason, const char *detail)
{
	if (r->reason != NULL)
		return false;
	r->reason = reason;
	ereport(LOG, errmsg("the sync database could not be asked: %s", reason),
	    errdetail_internal("%s", pchomp(detail)), errhidestmt(true), errhidecontext(true));
	return false;
}
