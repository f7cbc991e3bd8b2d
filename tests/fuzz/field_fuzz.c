/* Bodies: whatever is let through fits its struct, and the input for SQL is JSON with the schema's
 * names only. */
#include "fuzz.h"

#include "field.h"
#include "json.h"

struct target {
	struct str name, email, password, url;
	enum field_bool flag;
	int64_t number;
};

static const char *const options[] = {"a", "b", NULL};
static const struct field data_fields[] = {
    {"name", FIELD_STRING, 0, FIELD_NOWHERE, 1, 10, NULL, NULL},
    {NULL, 0, 0, 0, 0, 0, NULL, NULL},
};
static const struct field schema[] = {
    {"name", FIELD_STRING, FIELD_REQUIRED, offsetof(struct target, name), 1, 20, NULL, NULL},
    {"email", FIELD_EMAIL, FIELD_NULLABLE, offsetof(struct target, email), 0, 0, NULL, NULL},
    {"password", FIELD_PASSWORD, 0, offsetof(struct target, password), 0, 0, NULL, NULL},
    {"callbackURL", FIELD_URL, 0, offsetof(struct target, url), 0, 0, NULL, NULL},
    {"flag", FIELD_BOOL, 0, offsetof(struct target, flag), 0, 0, NULL, NULL},
    {"number", FIELD_INT, 0, offsetof(struct target, number), -5, 100, NULL, NULL},
    {"token", FIELD_TOKEN, 0, FIELD_NOWHERE, 0, 0, NULL, NULL},
    {"metadata", FIELD_JSON, 0, FIELD_NOWHERE, 0, 100, NULL, NULL},
    {"kind", FIELD_ENUM, 0, FIELD_NOWHERE, 0, 0, options, NULL},
    {"any", FIELD_ANY, 0, FIELD_NOWHERE, 0, 100, NULL, NULL},
    {"role", FIELD_STRINGS, 0, FIELD_NOWHERE, 0, 100, NULL, NULL},
    {"data", FIELD_OBJECT, 0, FIELD_NOWHERE, .members = data_fields},
    {NULL, 0, 0, 0, 0, 0, NULL, NULL},
};

static void
check(struct str input)
{
	json_t *json;
	const char *key;
	json_t *value;

	REQUIRE(json_read(
	    &json, input, (struct json_limits){.bytes = input.len, .depth = FIELD_JSON_DEPTH + 1}));
	json_object_foreach(json, key, value)
	{
		bool known = false;

		for (const struct field *f = schema; f->name != NULL; f++)
			known = known || strcmp(f->name, key) == 0;
		REQUIRE(known && strcmp(key, "password") != 0);
	}
	json_decref(json);
}

/* What is parsed reads the same again from its canonical text. */
static enum field_result
read_form(const struct field_output *out, struct str text)
{
	static struct form form, again;
	static char memory[65536], canonical[3 * 65536], memory_again[65536];
	struct buf m = BUF_ON(memory), c = BUF_ON(canonical), m_again = BUF_ON(memory_again);

	if (text.len > sizeof(memory) || form_read(&form, &m, text) != FORM_OK)
		return FIELD_MALFORMED;
	for (size_t i = 0; i < form.count; i++)
		form_append(&c, form.pairs[i].name, form.pairs[i].value);
	REQUIRE(buf_ok(&c) && form_read(&again, &m_again, buf_view(&c)) == FORM_OK);
	REQUIRE(again.count == form.count);
	for (size_t i = 0; i < form.count; i++)
		REQUIRE(str_equal(form.pairs[i].name, again.pairs[i].name) &&
			str_equal(form.pairs[i].value, again.pairs[i].value));
	return field_read_form(out, schema, "body", &form);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char memory[65536], input[131072], message[4096];
	struct str text = {(const char *)data, size};

	for (int form = 0; form < 2; form++) {
		struct buf m = BUF_ON(memory), i = BUF_ON(input), w = BUF_ON(message);
		struct target target = {0};
		struct field_output out = {&target, &m, &i, &w, NULL, false};

		if ((form ? read_form(&out, text) : field_read_json(&out, schema, "body", text)) ==
		    FIELD_VALID) {
			REQUIRE(target.name.len > 0 && target.number >= -5 && target.number <= 100);
			check(buf_view(&i));
		}
	}
	return 0;
}
