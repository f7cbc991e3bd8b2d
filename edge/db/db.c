/* Calls of requests: their arguments, and what the database's answers mean; see db.h. */
#include "db/db.h"

#include <assert.h>
#include <stdlib.h>

#include "config.h"
#include "db/op.h"
#include "http/reply.h"
#include "json.h"
#include "log.h"
#include "routes.h"
#include "utf8.h"

enum {
	AWAY_RETRY_SECONDS = 1,
	RESULT_BYTES_MAX = 16 * 1024 * 1024,
	DETAIL_BYTES_MAX = 1024,
	NUMBER_CHARS = 24
};

static void add(struct op_arguments *all, struct db_arg arg);
static void add_caller(struct op_arguments *all, struct request *r, bool fresh_token);
static struct str rate_class(struct request *r);
static enum step away(struct request *r);
static enum step failed(struct request *r);
static enum step refused(struct request *r, const char *detail);
static bool is_passing(const char *sqlstate);

struct db_arg
db_text(struct request *r, struct str text)
{
	struct buf masked;

	if (utf8_is_text(text))
		return (struct db_arg){.value = arena_cstr(&r->arena, text)};
	masked = arena_buf(&r->arena, 3 * text.len + 1);
	utf8_mask(&masked, text);
	return (struct db_arg){.value = buf_cstr(&masked)};
}

struct db_arg
db_int(struct request *r, int64_t value)
{
	struct buf text = arena_buf(&r->arena, NUMBER_CHARS);

	buf_int(&text, value);
	return (struct db_arg){.value = buf_cstr(&text)};
}

struct db_arg
db_bool(bool value)
{
	return (struct db_arg){.value = value ? "t" : "f"};
}

struct db_arg
db_bytes(const void *bytes, size_t count)
{
	return (struct db_arg){.value = bytes, .length = (int)count, .binary = true};
}

struct db_arg
db_digest(const struct digest *digest)
{
	return digest != NULL ? db_bytes(digest->bytes, DIGEST_BYTES) : db_null();
}

struct db_arg
db_null(void)
{
	return (struct db_arg){.value = NULL};
}

enum step
db_call_with(
    struct request *r, enum call call, step_fn *next, const struct db_arg *args, size_t count)
{
	struct request_private *p = r->private;
	struct op_arguments *all = arena_alloc(&r->arena, sizeof(*all));

	assert(!p->waiting && (size_t)calls[call].arguments == count - 1);
	if (calls[call].kind != CALL_OWN)
		add_caller(all, r, !calls[call].opens_no_session);
	if (calls[call].kind == CALL_RELAY)
		add(all, db_text(r, r->input));
	for (size_t i = 1; i < count; i++)
		add(all, args[i]);
	db_answer_clear(r);
	p->call = (struct db_call_state){.call = call, .arguments = all};
	p->next = next;
	if (!pipeline_send(r))
		return away(r);
	p->waiting = true;
	return STEP_WAIT;
}

static void
add(struct op_arguments *all, struct db_arg arg)
{
	assert(all->count < OP_ARGUMENTS_MAX);
	all->values[all->count] = arg.value;
	all->lengths[all->count] = arg.length;
	all->formats[all->count++] = arg.binary;
}

/* The arguments of auth_api.caller. */
static void
add_caller(struct op_arguments *all, struct request *r, bool fresh_token)
{
	struct caller *c = &r->caller;

	add(all, c->session_token.p != NULL ? db_bytes(c->session_digest.bytes, DIGEST_BYTES)
					    : db_null());
	if (fresh_token && c->fresh.chars[0] == '\0') {
		token_random(&c->fresh);
		token_digest(
		    &c->fresh_digest, (struct str){.p = c->fresh.chars, .len = TOKEN_CHARS});
	}
	add(all, fresh_token ? db_bytes(c->fresh_digest.bytes, DIGEST_BYTES) : db_null());
	add(all, db_text(r, c->user_id));
	add(all, db_text(r, c->session_reference));
	add(all, db_text(r, r->ip));
	add(all, db_text(r, r->user_agent));
	add(all, db_text(r, str_from(r->id)));
	/* A request counts once, in the first of its calls. */
	add(all, r->private->counted ? db_null() : db_text(r, rate_class(r)));
	r->private->counted = true;
}

/* Better Auth's limits: what is worth guessing has a limit over all its doors, everything else one
 * an endpoint. */
static struct str
rate_class(struct request *r)
{
	const char *name = r->route != NULL && config.rate_limit ? r->route->rate : NULL;
	struct buf each;

	if (name == NULL || strcmp(name, "default") != 0)
		return str_from(name);
	each = arena_buf(&r->arena, strlen(name) + strlen(r->route->path) + 1);
	buf_str(&each, str_from(name));
	buf_str(&each, str_from(r->route->path)); /* default/api/..: counted apart */
	return buf_view(&each);
}

void
op_ended(struct request *r)
{
	const PGresult *result = (const PGresult *)r->private->call.result;
	bool good = result != NULL && PQresultStatus(result) == PGRES_TUPLES_OK;

	r->answer = (const struct db_answer *)result;
	if (good && PQresultMemorySize(result) > RESULT_BYTES_MAX) {
		log_request_event(r, LOG_ERROR_LEVEL, "database", "a result is too large",
		    calls[r->private->call.call].name, NULL);
		good = false;
	}
	if (!good)
		r->private->next = failed;
	request_resume(r);
}

/* What happened is unknown, or did not: the client may ask again. */
static enum step
away(struct request *r)
{
	return reply_refusal(r, ERR_SERVICE_UNAVAILABLE, STR_NONE, AWAY_RETRY_SECONDS);
}

/* The step of a call that did not succeed: SQLSTATE to answer. */
static enum step
failed(struct request *r)
{
	const PGresult *result = (const PGresult *)r->private->call.result;
	const char *name = calls[r->private->call.call].name;
	const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);

	if (result == NULL)
		return away(r);
	if (state == NULL)
		return reply_error(r, ERR_INTERNAL);
	if (strcmp(state, "MA429") == 0)
		return refused(r, PQresultErrorField(result, PG_DIAG_MESSAGE_DETAIL));
	log_request_event(r, LOG_ERROR_LEVEL, "database",
	    PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY), state, name);
	if (strncmp(state, "MA", 2) == 0)
		return refused(r, PQresultErrorField(result, PG_DIAG_MESSAGE_DETAIL));
	return is_passing(state) || r->private->call.mismatched ? away(r)
								: reply_error(r, ERR_INTERNAL);
}

/* DETAIL is {"code":NAME,"retryAfterSeconds":N}. Without it, the fault is not the client's. */
static enum step
refused(struct request *r, const char *detail)
{
	json_t *json = NULL;
	enum error e = ERR_SERVICE_UNAVAILABLE;
	json_int_t seconds = AWAY_RETRY_SECONDS;

	if (detail != NULL && json_read(&json, str_from(detail),
				  (struct json_limits){.bytes = DETAIL_BYTES_MAX, .depth = 2})) {
		e = error_by_name(json_member_str(json, "code"));
		seconds = json_integer_value(json_object_get(json, "retryAfterSeconds"));
	}
	json_decref(json);
	return reply_refusal(r, e != OK ? e : ERR_SERVICE_UNAVAILABLE, STR_NONE, (int)seconds);
}

/* Connections (08), a standby (25006), conflicts (40), resources (53), locks (55P03), shutdown and
 * time-outs (57). */
static bool
is_passing(const char *sqlstate)
{
	static const char *const classes[] = {"08", "25006", "40", "53", "55P03", "57"};

	for (size_t i = 0; i < sizeof(classes) / sizeof(classes[0]); i++)
		if (strncmp(sqlstate, classes[i], strlen(classes[i])) == 0)
			return true;
	return false;
}
