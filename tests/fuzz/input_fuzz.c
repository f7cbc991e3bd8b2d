/* Bodies and queries of every route, by its own schema. Two bytes choose the route, one the media
 * type; then a line for captures, a line of query, and the body. SQL sees JSON with the names of
 * the schema and nothing secret; a form says the same as JSON with the same strings. */
#include "fuzz.h"

#include "edge_request.h"
#include "gates/gates.h"
#include "http/match.h"
#include "json.h"
#include "mailed.h"
#include "utf8.h"

enum { HEAD_BYTES = 3, PATH_BYTES = 4096, BODY_BYTES = 4096, STRING_MAX = 8192, PAIRS_MAX = 60 };

static const struct str media[] = {
    {.p = "application/json", .len = 16},
    {.p = "application/x-www-form-urlencoded", .len = 33},
    {.p = "application/json ;charset=utf-8", .len = 31},
    {.p = "text/plain", .len = 10},
};

/* The pattern with the text in the place of its captures. */
static bool
path_of(struct buf *out, const struct route *route, struct str capture)
{
	struct str pattern = str_from(route->path), segment;
	bool more = true;

	while (more) {
		more = str_cut(&segment, &pattern, pattern, '/');
		buf_str(out, str_starts(segment, STR(":")) ? capture : segment);
		if (more)
			buf_char(out, '/');
	}
	return buf_ok(out);
}

static struct request *
request_of(const struct route *route, struct str path, struct str type)
{
	struct request *r = edge_request(route);
	unsigned int allowed;

	r->path = arena_copy(&r->arena, path);
	edge_header(r, "content-type", type);
	if (match_route(r->captures, &allowed, route, 1, route->method, r->path) == NULL) {
		edge_request_end(r);
		return NULL;
	}
	return r;
}

static const struct field *
field_named(const struct route *route, const char *name)
{
	const struct field *f = route->schema != NULL ? route->schema->fields : NULL;

	while (f != NULL && f->name != NULL && strcmp(f->name, name) != 0)
		f++;
	return f != NULL && f->name != NULL ? f : NULL;
}

static bool
is_capture(const struct route *route, const char *name)
{
	for (int i = 0; i < REQUEST_CAPTURES_MAX; i++)
		if (str_equal(match_capture_name(route->path, i), str_from(name)))
			return true;
	return false;
}

/* What SQL sees. */
static json_t *
check_input(const struct request *r)
{
	const char *name;
	json_t *json, *value;

	REQUIRE(json_read(&json, r->input,
	    (struct json_limits){.bytes = r->input.len, .depth = FIELD_JSON_DEPTH + 2}));
	REQUIRE(json_is_object(json));
	json_object_foreach(json, name, value)
	{
		const struct field *f = field_named(r->route, name);

		REQUIRE(f != NULL || is_capture(r->route, name));
		REQUIRE(f == NULL || is_capture(r->route, name) ||
			!((f->flags & FIELD_SECRET) || f->kind == FIELD_PASSWORD));
	}
	return json;
}

/* What the handler sees. */
static void
check_fields(const struct request *r)
{
	const struct field *f = r->route->schema != NULL ? r->route->schema->fields : NULL;

	for (; f != NULL && f->name != NULL && r->fields != NULL; f++) {
		struct str text;

		if (f->offset == FIELD_NOWHERE || f->kind == FIELD_BOOL || f->kind == FIELD_INT)
			continue;
		memcpy(&text, (const char *)r->fields + f->offset, sizeof(text));
		REQUIRE(utf8_is_text(text));
		if (f->kind == FIELD_JSON || f->kind == FIELD_ANY || f->kind == FIELD_WHOLE)
			continue;
		REQUIRE(mailed_units(text) <= (size_t)(f->max > 0 ? f->max : STRING_MAX));
		REQUIRE(f->kind != FIELD_URL || text.p == NULL || target_is_trusted(text));
	}
}

static void
check_refusal(const struct request *r)
{
	struct str body = edge_answer_body(r);
	json_t *json;

	REQUIRE(edge_status(r) >= 400 && edge_status(r) < 500 && !edge_is_broken(r));
	if (!edge_answer_is_json(r))
		return;
	REQUIRE(json_read(&json, body, (struct json_limits){.bytes = body.len, .depth = 2}));
	json_decref(json);
}

static bool
as_form(struct buf *out, const struct route *route, const json_t *body)
{
	const char *name;
	json_t *value;

	if (json_object_size(body) > PAIRS_MAX)
		return false;
	json_object_foreach((json_t *)body, name, value)
	{
		const struct field *f = field_named(route, name);

		if (!json_is_string(value) ||
		    (f != NULL && (f->kind == FIELD_ANY || f->kind == FIELD_STRINGS ||
				      f->kind == FIELD_WHOLE)))
			return false;
		form_append(out, str_from(name),
		    (struct str){json_string_value(value), json_string_length(value)});
	}
	return buf_ok(out) && out->len > 0;
}

/* The same strings as a form. */
static void
check_form(const struct route *route, struct str path, struct str body, const json_t *seen)
{
	static char memory[4 * BODY_BYTES];
	struct buf form = BUF_ON(memory);
	struct request *r;
	json_t *sent, *input;

	REQUIRE(json_read(
	    &sent, body, (struct json_limits){.bytes = body.len, .depth = FIELD_JSON_DEPTH}));
	if (as_form(&form, route, sent)) {
		r = request_of(route, path, media[1]);
		r->body = buf_view(&form);
		REQUIRE(gate_input(r));
		input = check_input(r);
		REQUIRE(json_equal(input, (json_t *)seen));
		json_decref(input);
		edge_request_end(r);
	}
	json_decref(sent);
}

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	edge_start();
	return 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str rest, capture, query;
	char memory[PATH_BYTES];
	struct buf path = BUF_ON(memory);
	const struct route *route;
	struct request *r;
	json_t *seen;

	if (size < HEAD_BYTES || size > BODY_BYTES)
		return 0;
	route = &routes[(data[0] * 256u + data[1]) % routes_count];
	rest = str_skip((struct str){(const char *)data, size}, HEAD_BYTES);
	capture = edge_line(&rest);
	query = edge_line(&rest);
	if (!path_of(&path, route, capture))
		return 0;
	r = request_of(route, buf_view(&path), media[data[2] % 4]);
	if (r == NULL)
		return 0;
	r->query = query;
	r->body = rest.p != NULL ? rest : STR("");
	if (gate_input(r)) {
		seen = check_input(r);
		check_fields(r);
		if (route->method == METHOD_POST && (route->flags & ROUTE_FORM) &&
		    !(route->flags & ROUTE_SQL_JUDGES) && data[2] % 4 == 0 && r->body.len > 0)
			check_form(route, buf_view(&path), r->body, seen);
		json_decref(seen);
	} else {
		check_refusal(r);
	}
	edge_request_end(r);
	return 0;
}
