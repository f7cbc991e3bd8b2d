/*
 * Connecting without waiting, and preparing every statement; see connection.h. libpq's own time-out
 * does not hold for connecting in the background: pipeline.c's tick does.
 */
#include "db/connection.h"

#include <stdlib.h>

#include "config.h"
#include "db/settings.h"
#include "log.h"

static void try_all(struct connection *c);
static enum call tried(int n);
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
	c->trouble = NULL;
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
			try_all(c);
			return;
		}
		break;
	default:
		break;
	}
	c->trouble = PQerrorMessage(c->pg);
}

/*
 * Sets the session's settings, then tries every statement. Every statement is tried here, so that
 * an edge which does not match its database is no edge, but none is kept: the next takes its place
 * (the unnamed statement). Kept ones took half of the memory of a backend; each is prepared anew,
 * under its name, with the first call. One Sync a statement, so that each that does not prepare is
 * named. CALL_READY comes last, and is run.
 */
static void
try_all(struct connection *c)
{
	int timeout_ms = (int)connection_timeout_ms(c);
	int lock_ms = lane_is_pipelined(c->lane) ? LANE_LOCK_MS : timeout_ms;
	bool sent = settings_send(c->pg, timeout_ms, lock_ms) && PQpipelineSync(c->pg) == 1;

	c->state = PREPARING;
	for (int i = 0; i < CALL_COUNT - 1 && sent; i++)
		sent = PQsendPrepare(c->pg, "", calls[tried(i)].sql, 0, NULL) == 1 &&
		       PQpipelineSync(c->pg) == 1;
	sent = sent && PQsendQueryPrepared(c->pg, "", 0, NULL, NULL, NULL, 0) == 1 &&
	       PQpipelineSync(c->pg) == 1;
	if (sent)
		connection_flush(c);
	else
		c->trouble = PQerrorMessage(c->pg);
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
		c->answers++;
		break;
	case PGRES_TUPLES_OK:
		if (!is_of_settings)
			check_role(c, result);
		break;
	case PGRES_COMMAND_OK:
		break;
	default:
		if (is_of_settings)
			log_event(LOG_ERROR_LEVEL, "database", "the session's settings are refused",
			    PQresultErrorMessage(result), NULL);
		else
			log_event(LOG_ERROR_LEVEL, "database",
			    "a statement does not prepare: do edge and extension match?",
			    calls[tried(c->answers - 1)].name, PQresultErrorMessage(result));
		c->trouble = is_of_settings ? "the session's settings are refused"
					    : "not all statements prepare";
	}
	if (c->answers < 1 + CALL_COUNT || c->trouble != NULL)
		return;
	c->state = READY;
	c->failures = 0;
	log_event(LOG_INFO_LEVEL, "database", "connected", lane_name(c->lane), NULL);
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
