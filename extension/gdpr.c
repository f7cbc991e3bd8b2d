/*
 * auth.gdpr_summary: what there is about a user, in one object (GET /me/data). Three sources: our
 * own tables, what mana-credits has answered the edge, and the sync database, which counts its
 * records itself. A source that could not be asked says `available: false` with the reason, and
 * never zero as if it knew.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "gdpr_projects.h"
#include "lib/stringinfo.h"
#include "remote.h"
#include "sync.h"
#include "utils/builtins.h"
#include "utils/json.h"
#include "utils/jsonb.h"
#include "utils/numeric.h"

PG_FUNCTION_INFO_V1(mana_gdpr_summary);

/* Entities count by the latest operation of each record; what was deleted last is none, and still
 * says when an app was used. */
static const char counts_sql[] =
    "SELECT l.app_id, l.table_name, "
    "pg_catalog.count(*) FILTER (WHERE l.op <> 'delete'), "
    "pg_catalog.to_char(pg_catalog.max(pg_catalog.max(l.created_at)) OVER (PARTITION BY l.app_id) "
    "AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"') "
    "FROM (SELECT DISTINCT ON (s.app_id, s.table_name, s.record_id) s.app_id, s.table_name, s.op, "
    "s.created_at FROM sync_changes s WHERE s.user_id = $1 "
    "ORDER BY s.app_id, s.table_name, s.record_id, s.created_at DESC, s.id DESC) l "
    "GROUP BY l.app_id, l.table_name ORDER BY l.app_id COLLATE \"C\", l.table_name COLLATE \"C\"";

enum counts_column { APP, TABLE, COUNT, LAST };

static const char auth_sql[] =
    "SELECT auth.json_object('id', u.id, 'email', u.email, 'name', u.name, 'role', u.role, "
    "'createdAt', u.created_at, 'emailVerified', u.email_verified)::pg_catalog.text, "
    "auth.json_object('sessionsCount', (SELECT pg_catalog.count(*) FROM auth.sessions s "
    "WHERE s.user_id = u.id AND s.expires_at > pg_catalog.now()), "
    "'accountsCount', (SELECT pg_catalog.count(*) FROM auth.accounts a WHERE a.user_id = u.id), "
    "'has2FA', COALESCE(u.two_factor_enabled, false), "
    "'lastLoginAt', (SELECT pg_catalog.max(s.last_activity_at) FROM auth.sessions s "
    "WHERE s.user_id = u.id))::pg_catalog.text "
    "FROM auth.users u WHERE u.id = $1 AND u.deleted_at IS NULL";

struct totals {
	int64 entities;
	int projects;
};

static bool append_auth(StringInfo out, const char *user_id);
static void append_credits(StringInfo out, Jsonb *credits);
static bool member(JsonbValue *value, Jsonb *object, const char *name, enum jbvType type);
static void append_projects(StringInfo out, struct totals *totals, const char *user_id);
static void append_counted(StringInfo out, struct totals *totals, const PGresult *counts);
static bool has_entities(const PGresult *counts, int first);
static void append_project(StringInfo out, struct totals *totals, const PGresult *counts, int first,
    const struct project *project);
static void append_unasked(StringInfo out, const struct project *project, const char *reason);
static void append_head(StringInfo out, const struct project *project, bool available);

/* (user_id, credits): NULL when there is no such user. */
Datum
mana_gdpr_summary(PG_FUNCTION_ARGS)
{
	char *user_id = text_to_cstring(PG_GETARG_TEXT_PP(0));
	struct totals totals = {0};
	StringInfoData out;

	initStringInfo(&out);
	if (!append_auth(&out, user_id))
		PG_RETURN_NULL();
	append_credits(&out, PG_ARGISNULL(1) ? NULL : PG_GETARG_JSONB_P(1));
	append_projects(&out, &totals, user_id);
	appendStringInfo(&out,
	    ",\"totals\":{\"totalEntities\":" INT64_FORMAT ",\"projectsWithData\":%d}}",
	    totals.entities, totals.projects);
	PG_RETURN_TEXT_P(cstring_to_text_with_len(out.data, out.len));
}

static bool
append_auth(StringInfo out, const char *user_id)
{
	Oid types[] = {TEXTOID};
	Datum values[] = {CStringGetTextDatum(user_id)};
	bool found;

	if (SPI_connect() != SPI_OK_CONNECT ||
	    SPI_execute_with_args(auth_sql, 1, types, values, NULL, true, 1) != SPI_OK_SELECT)
		elog(ERROR, "the user's rows could not be read");
	found = SPI_processed == 1;
	if (found)
		/* out grows in its own memory, not in SPI's */
		appendStringInfo(out, "{\"user\":%s,\"auth\":%s",
		    SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1),
		    SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 2));
	if (SPI_finish() != SPI_OK_FINISH)
		elog(ERROR, "the user's rows could not be read");
	return found;
}

/* What mana-credits answered: its numbers, or {"unavailable": reason}. NULL: there is no such
 * service. */
static void
append_credits(StringInfo out, Jsonb *credits)
{
	static const char *const numbers[] = {
	    "balance", "totalEarned", "totalSpent", "transactionsCount"};
	const char *reason = credits == NULL ? REMOTE_NOT_CONFIGURED : REMOTE_FAILED;
	JsonbValue value;
	bool available = credits != NULL && JB_ROOT_IS_OBJECT(credits);

	if (available && member(&value, credits, "unavailable", jbvString)) {
		reason = pnstrdup(value.val.string.val, value.val.string.len);
		available = false;
	}
	appendStringInfoString(out, ",\"credits\":{");
	for (int i = 0; i < lengthof(numbers); i++)
		appendStringInfo(out, "\"%s\":%s,", numbers[i],
		    available && member(&value, credits, numbers[i], jbvNumeric)
			? numeric_normalize(value.val.numeric)
			: "0");
	appendStringInfo(out, "\"available\":%s", available ? "true" : "false");
	if (!available) {
		appendStringInfoString(out, ",\"reason\":");
		escape_json(out, reason);
	}
	appendStringInfoChar(out, '}');
}

static bool
member(JsonbValue *value, Jsonb *object, const char *name, enum jbvType type)
{
	return getKeyJsonValueFromContainer(&object->root, name, strlen(name), value) != NULL &&
	       value->type == type;
}

static void
append_projects(StringInfo out, struct totals *totals, const char *user_id)
{
	const char *const user[] = {user_id};
	const PGresult *counts = NULL;
	const char *reason;
	struct remote *r = remote_begin(SYNC_SERVER, user_id, REMOTE_READ, &reason);

	if (r != NULL) {
		counts = remote_query(r, counts_sql, 1, user);
		reason = remote_reason(r);
	}
	appendStringInfoString(out, ",\"projects\":[");
	if (counts != NULL)
		append_counted(out, totals, counts);
	else
		for (int i = 0; i < projects_listed; i++)
			append_unasked(out, &projects[i], reason);
	appendStringInfoChar(out, ']');
	if (r != NULL)
		remote_close(r);
}

/* The apps that everybody may have, in their order; then those in which this user has anything, in
 * that of the rows. */
static void
append_counted(StringInfo out, struct totals *totals, const PGresult *counts)
{
	for (int i = 0; i < projects_listed; i++)
		append_project(out, totals, counts, 0, &projects[i]);
	for (int row = 0; row < PQntuples(counts); row++) {
		const char *app = PQgetvalue(counts, row, APP);
		struct project unknown = {app, app, "\xF0\x9F\x93\x81"}; /* a folder */
		const struct project *known = project_find(app);
		bool seen = row > 0 && strcmp(PQgetvalue(counts, row - 1, APP), app) == 0;

		if (!seen && (known == NULL || known >= projects + projects_listed) &&
		    has_entities(counts, row))
			append_project(out, totals, counts, row, known != NULL ? known : &unknown);
	}
}

/* Whether anything is counted in the app whose rows begin here. */
static bool
has_entities(const PGresult *counts, int first)
{
	for (int row = first; row < PQntuples(counts) && strcmp(PQgetvalue(counts, row, APP),
							     PQgetvalue(counts, first, APP)) == 0;
	     row++)
		if (pg_strtoint64(PQgetvalue(counts, row, COUNT)) > 0)
			return true;
	return false;
}

static void
append_project(StringInfo out, struct totals *totals, const PGresult *counts, int first,
    const struct project *project)
{
	const char *last = NULL, *comma = "";
	int64 total = 0;

	append_head(out, project, true);
	for (int row = first; row < PQntuples(counts); row++) {
		const char *entity = PQgetvalue(counts, row, TABLE);
		int64 count = pg_strtoint64(PQgetvalue(counts, row, COUNT));

		if (strcmp(PQgetvalue(counts, row, APP), project->id) != 0) {
			if (last != NULL)
				break; /* the rows of an app stand together */
			continue;
		}
		last = PQgetvalue(counts, row, LAST);
		if (count == 0)
			continue;
		appendStringInfo(out, "%s{\"entity\":", comma);
		escape_json(out, entity);
		appendStringInfo(out, ",\"count\":" INT64_FORMAT ",\"label\":", count);
		escape_json(out, project_entity_label(entity));
		appendStringInfoChar(out, '}');
		comma = ",";
		total += count;
	}
	appendStringInfo(out, "],\"totalCount\":" INT64_FORMAT, total);
	if (last != NULL)
		appendStringInfo(out, ",\"lastActivityAt\":\"%s\"", last);
	appendStringInfoChar(out, '}');
	totals->entities += total;
	totals->projects += total > 0;
}

static void
append_unasked(StringInfo out, const struct project *project, const char *reason)
{
	append_head(out, project, false);
	appendStringInfo(out,
	    "],\"totalCount\":0,\"error\":\"Sync-Datenbank nicht erreichbar\",\"reason\":\"%s\"}",
	    reason);
}

/* Up to the beginning of its entities. */
static void
append_head(StringInfo out, const struct project *project, bool available)
{
	if (out->data[out->len - 1] == '}')
		appendStringInfoChar(out, ',');
	appendStringInfoString(out, "{\"projectId\":");
	escape_json(out, project->id);
	appendStringInfoString(out, ",\"projectName\":");
	escape_json(out, project->name);
	appendStringInfo(out, ",\"icon\":\"%s\",\"available\":%s,\"entities\":[", project->icon,
	    available ? "true" : "false");
}
