/*
 * Connecting without waiting, and trying statements; see connection.h. libpq's own time-out does
 * not hold for connecting in the background: pipeline.c's tick does.
 */
#include "db/connection.h"

#include <stdlib.h>

#include "buf.h"
#include "config.h"
#include "db/settings.h"
#include "log.h"

static void try_statements(struct connection *c);
static bool send_settings(struct connection *c);
static void check_settings(struct connection *c, const PGresult *result);
static int first_tried(const struct connection *c);
static enum call tried(int n);
static bool sync_unless_pooled(struct connection *c);
static void connected(struct connection *c);
static void check_session(struct connection *c, const PGresult *result);
static void check_role(struct connection *c, const PGresult *result);

/* libpq looks a host name up in PQconnectStart, and waits: use a unix socket or hostaddr where that
 * matters. */
void
connection_open(struct connection *c)
{
	const char *const names[] = {"dbname", "application_name", "gssencmode", NULL};
	const char *const values[] = {config.database_url.p, "mana-auth-edge", "disable", NULL};

	c->answers = 0;
	memset(c->prepared, 0, sizeof(c->prepared));
	c->at_end = false;
	c->limits_sent = false;
	c->mismatched = false;
	c->trouble = NULL;
	c->retiring = NULL;
	c->deadline_ms = loop_now_ms() + (uint64_t)config.db_connect_timeout_ms;
	c->pg = PQconnectStartParams(names, values, 1);
	if (c->pg == NULL)
		abort();
	c->state = CONNECTING;
	if (PQstatus(c->pg) == CONNECTION_BAD)
		c->trouble = PQerrorMessage(c->pg);
	else
		loop_watch_both(&c->watch, PQsocket(c->pg));
}

void
connection_go_on(struct connection *c)
{
	loop_forget(&c->watch); /* now, while it is open: libpq may close it and take another one */
	switch (PQconnectPoll(c->pg)) {
	case PGRES_POLLING_READING:
		loop_watch_read(&c->watch, PQsocket(c->pg));
		return;
	case PGRES_POLLING_WRITING:
		loop_watch_both(&c->watch, PQsocket(c->pg));
		return;
	case PGRES_POLLING_OK:
		loop_watch_read(&c->watch, PQsocket(c->pg));
		if (PQsetnonblocking(c->pg, 1) == 0 && PQenterPipelineMode(c->pg) == 1) {
			try_statements(c);
			return;
		}
		break;
	default:
		break;
	}
	c->trouble = PQerrorMessage(c->pg);
}

/*
 * Sets the session's settings. Then one connection of a worker tries every statement, so that an
 * edge which does not match its database is not ready; on each connection that took most of the
 * time of a start. No statement is kept: the next one replaces it (the unnamed statement), because
 * kept ones took half of the memory of a backend; each is prepared again, under its name, with the
 * first call. One Sync a statement, so that each that does not prepare is named. CALL_READY comes
 * last, and is run.
 *
 * Behind a pooler one Sync ends it all: PgBouncer before 1.23 gives a server connection to another
 * client although replies to a client that left are still to come.
 */
static void
try_statements(struct connection *c)
{
	bool sent = send_settings(c);

	c->state = PREPARING;
	for (int i = first_tried(c); i < CALL_COUNT - 1 && sent; i++)
		sent = sync_unless_pooled(c) &&
		       PQsendPrepare(c->pg, "", calls[tried(i)].sql, 0, NULL) == 1;
	sent = sent && sync_unless_pooled(c) &&
	       PQsendQueryPrepared(c->pg, "", 0, NULL, NULL, NULL, 0) == 1 &&
	       PQpipelineSync(c->pg) == 1;
	if (sent)
		connection_flush(c);
	else
		c->trouble = PQerrorMessage(c->pg);
}

static int
first_tried(const struct connection *c)
{
	return c->checks ? 0 : CALL_COUNT - 2;
}

static bool
sync_unless_pooled(struct connection *c)
{
	return config.db_pooler != POOLER_NONE || PQpipelineSync(c->pg) == 1;
}

static bool
send_settings(struct connection *c)
{
	int64_t timeout_ms = (int64_t)connection_timeout_ms(c);
	bool of_role = config.db_pooler == POOLER_TRANSACTION;
	json_t *settings = of_role ? settings_wanted_of_role()
				   : settings_wanted(timeout_ms, lane_lock_ms(c->lane));
	char *text = json_dumps(settings, JSON_COMPACT);
	const char *values[1] = {text};
	bool sent;

	json_decref(settings);
	if (text == NULL)
		abort(); /* out of memory */
	sent = PQsendQueryParams(c->pg, of_role ? settings_compare_sql : settings_set_sql, 1, NULL,
		   values, NULL, NULL, 0) == 1;
	free(text);
	return sent;
}

/* The names of the settings that differ are the rows. */
static void
check_settings(struct connection *c, const PGresult *result)
{
	char memory[512];
	struct buf names = BUF_ON(memory);

	if (config.db_pooler != POOLER_TRANSACTION || PQntuples(result) == 0)
		return;
	for (int row = 0; row < PQntuples(result); row++) {
		buf_str(&names, row > 0 ? STR(", ") : STR(""));
		buf_str(&names, str_from(PQgetvalue(result, row, 0)));
	}
	if (c->failures % FAILURES_PER_LINE == 0)
		log_event(LOG_ERROR_LEVEL, "database",
		    "the role lacks settings: run what `mana-auth-edge settings` prints",
		    buf_cstr(&names), NULL);
	c->trouble = "the role lacks settings";
}

/* Which call is tried as the n-th. */
static enum call
tried(int n)
{
	return n < CALL_COUNT - 2 ? (enum call)(CALL_READY + 1 + n) : CALL_READY;
}

void
connection_prepare_got(struct connection *c, const PGresult *result)
{
	bool is_of_settings = c->answers == 0;

	switch (PQresultStatus(result)) {
	case PGRES_PIPELINE_SYNC:
		if (c->answers == 1 + CALL_COUNT && c->trouble == NULL)
			connected(c);
		return;
	case PGRES_TUPLES_OK:
		if (is_of_settings)
			check_settings(c, result);
		else
			check_session(c, result);
		break;
	case PGRES_COMMAND_OK:
		break;
	default:
		c->mismatched = !is_of_settings;
		c->trouble = is_of_settings ? "the session's settings are refused"
					    : "not all statements prepare";
		log_event(LOG_ERROR_LEVEL, "database",
		    is_of_settings ? c->trouble
				   : "a statement does not prepare: do edge and extension match?",
		    is_of_settings ? NULL : calls[tried(c->answers - 1)].name,
		    PQresultErrorMessage(result));
	}
	c->answers += is_of_settings ? 1 + first_tried(c) : 1;
}

static void
connected(struct connection *c)
{
	c->state = READY;
	c->failures = 0;
	c->head_since_ms = loop_now_ms();
	log_event(LOG_INFO_LEVEL, "database", "connected", lane_name(c->lane), NULL);
}

/* PgBouncer makes up the process id that it tells a client. */
static void
check_session(struct connection *c, const PGresult *result)
{
	bool is_pooled = PQntuples(result) == 1 &&
			 strtol(PQgetvalue(result, 0, 1), NULL, 10) != PQbackendPID(c->pg);

	check_role(c, result);
	if (!is_pooled || config.db_pooler != POOLER_NONE)
		return;
	if (c->failures % FAILURES_PER_LINE == 0)
		log_event(LOG_ERROR_LEVEL, "database",
		    "a pooler stands between the edge and the database: set DB_POOLER", NULL, NULL);
	c->trouble = "DB_POOLER is not set";
}

/* A role that row level security does not bind could read everything; see ARCHITECTURE.md. */
static void
check_role(struct connection *c, const PGresult *result)
{
	static bool said;

	if (PQntuples(result) == 1 && strcmp(PQgetvalue(result, 0, 0), "f") == 0)
		return;
	if (!said)
		log_event(config.production ? LOG_ERROR_LEVEL : LOG_WARNING_LEVEL, "database",
		    "DATABASE_URL must name a role without SUPERUSER and BYPASSRLS, such as "
		    "auth_edge",
		    PQuser(c->pg), NULL);
	said = true;
	if (!config.production)
		return;
	c->trouble = "the role is too powerful for production";
	loop_stop_service();
}

void
connection_close(struct connection *c)
{
	if (PQsocket(c->pg) != -1)
		loop_forget(&c->watch);
	else
		loop_forget_closed(&c->watch); /* libpq has closed it, at the end of what it read */
	PQfinish(c->pg);
	c->pg = NULL;
	c->state = CLOSED;
	c->trouble = NULL;
	c->retiring = NULL;
}

void
connection_flush(struct connection *c)
{
	int left = PQflush(c->pg);

	if (left < 0)
		c->trouble = "the connection could not be written to";
	else if (left > 0)
		loop_watch_both(&c->watch, PQsocket(c->pg));
	else
		loop_watch_read(&c->watch, PQsocket(c->pg));
}

uint64_t
connection_timeout_ms(const struct connection *c)
{
	return (uint64_t)(c->lane == LANE_SLOW ? config.db_slow_timeout_ms
					       : config.db_query_timeout_ms);
}
