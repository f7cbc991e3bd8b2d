/* JSON that the extension writes anew (compact, or for people), form encoding, and labels of
 * tables. White space alone changes; the text for people is the one that jansson writes; a form is
 * encoded as the edge encodes it. */
#include "backend.h"

#include <jansson.h>

#include "catalog/pg_type.h"
#include "buf.h"
#include "form.h"
#include "gdpr_projects.h"
#include "lib/stringinfo.h"

enum { TEXT_BYTES = 4096, DEPTH_MAX = 60 };

extern Datum mana_json_pretty(PG_FUNCTION_ARGS);
extern Datum mana_form_encode(PG_FUNCTION_ARGS);
extern void json_append(StringInfo out, Datum value, Oid type);

static struct str
compact(struct str json)
{
	StringInfo out = makeStringInfo();

	json_append(out, backend_text(json), JSONOID);
	return (struct str){out->data, (size_t)out->len};
}

static struct str
pretty(struct str json, int level)
{
	const Datum arguments[] = {backend_text(json), Int32GetDatum(level)};
	Datum result;

	REQUIRE(backend_call(&result, mana_json_pretty, 2, arguments));
	return backend_bytes(result);
}

static bool
is_deep(struct str json)
{
	size_t brackets = 0;

	for (size_t i = 0; i < json.len; i++)
		brackets += json.p[i] == '[' || json.p[i] == '{';
	return brackets > DEPTH_MAX;
}

static void
check_json(struct str json)
{
	json_t *value =
		   json_loadb(json.p, json.len, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, NULL),
	       *again;
	struct str small = compact(json);
	char *plain, *indented;

	if (value == NULL)
		return;
	again = json_loadb(small.p, small.len, JSON_DECODE_ANY, NULL);
	REQUIRE(again != NULL && json_equal(value, again) && str_equal(compact(small), small));
	REQUIRE(str_equal(compact(pretty(json, 0)), small) &&
		str_equal(compact(pretty(small, 7)), small));
	plain = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
	indented = json_dumps(value, JSON_INDENT(2) | JSON_ENCODE_ANY);
	REQUIRE(plain != NULL && indented != NULL);
	REQUIRE(is_deep(json) || str_equal(pretty(str_from(plain), 0), str_from(indented)));
	free(plain);
	free(indented);
	json_decref(again);
	json_decref(value);
}

static void
check_form(struct str text)
{
	static char memory[3 * TEXT_BYTES + 1];
	const Datum argument = backend_text(text);
	struct buf wanted = BUF_ON(memory);
	Datum result;

	form_append(&wanted, STR(""), text);
	REQUIRE(buf_ok(&wanted) && backend_call(&result, mana_form_encode, 1, &argument));
	REQUIRE(str_equal(backend_bytes(result), str_skip(buf_view(&wanted), 1)));
}

static void
check_label(struct str text)
{
	char table[TEXT_BYTES + 1];
	const char *label;
	size_t len;

	memcpy(table, text.p, text.len);
	table[text.len] = '\0';
	label = project_entity_label(table);
	len = strlen(label);
	REQUIRE(len == 0 || (label[0] != ' ' && label[len - 1] != ' '));
	REQUIRE(strchr(label, '_') == NULL && len <= 2 * text.len);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str text = {(const char *)data, size};

	if (size > TEXT_BYTES || memchr(data, '\0', size) != NULL)
		return 0; /* PostgreSQL's text has no NUL */
	check_json(text);
	check_form(text);
	check_label(text);
	backend_reset();
	return 0;
}
