/*
 * The engine of body schemas (field.h). Both forms of input are brought to one: a value with a
 * type, which one function checks and stores, so JSON, forms and queries cannot differ in what they
 * let through.
 */
#include "field.h"

#include <stdlib.h>

#include "digest.h"
#include "email.h"
#include "json.h"
#include "mailed.h"
#include "name.h"

#define NAME_HIDDEN "Invalid input: invisible or directional characters are not allowed"

enum { JSON_VALUE_MAX = 65536, STRING_MAX = 8192 };

/* What a field got. For a form, text that has yet to become what the field wants. */
struct given {
	const json_t *json; /* NULL: absent, or from a form */
	struct str text;    /* of a form */
};

struct reader {
	const struct field_output *out;
	const char *prefix;
	bool invalid;
	bool first_problem_written, first_member_written;
};

static void begin(struct reader *r, const struct field_output *out, const char *prefix);
static enum field_result end(struct reader *r);
static void take(struct reader *r, const struct field *f, struct given given);
static void take_string(struct reader *r, const struct field *f, struct str text);
static void note_subject(struct reader *r, const struct field *f, struct str text);
static void take_bool(struct reader *r, const struct field *f, struct given given);
static void take_int(struct reader *r, const struct field *f, struct given given);
static bool json_whole(int64_t *value, const json_t *json);
static void take_json(struct reader *r, const struct field *f, const json_t *json);
static void take_strings(struct reader *r, const struct field *f, struct given given);
static void take_object(struct reader *r, const struct field *f, const json_t *json);
static struct str with_ascii_domain(struct reader *r, struct str address);
static const char *string_problem(const struct field *f, struct str text, int64_t *bound);
static void problem(struct reader *r, const struct field *f, struct str text);
static void
wrong_type(struct reader *r, const struct field *f, const char *expected, const char *received);
static const char *expected_type(enum field_kind kind);
static const char *type_name(const json_t *json);
static void member(struct reader *r, const struct field *f, struct str json);
static bool begin_member(struct reader *r, const struct field *f);
static struct str keep(struct reader *r, struct str text);

enum field_result
field_read_json(
    const struct field_output *out, const struct field *schema, const char *prefix, struct str body)
{
	struct reader r;
	json_t *json;

	begin(&r, out, prefix);
	if (!json_read(
		&json, body, (struct json_limits){.bytes = body.len, .depth = FIELD_JSON_DEPTH}))
		return FIELD_MALFORMED;
	if (!json_is_object(json)) {
		buf_str(out->message, STR("["));
		buf_str(out->message, str_from(prefix));
		buf_str(out->message, STR("] Invalid input: expected object, received "));
		buf_str(out->message, str_from(type_name(json)));
		json_decref(json);
		return FIELD_INVALID;
	}
	for (const struct field *f = schema; f->name != NULL; f++)
		take(&r, f,
		    (struct given){
			f->kind == FIELD_WHOLE ? json : json_object_get(json, f->name), STR_NONE});
	json_decref(json);
	return end(&r);
}

enum field_result
field_read_form(const struct field_output *out, const struct field *schema, const char *prefix,
    const struct form *form)
{
	struct reader r;

	begin(&r, out, prefix);
	for (const struct field *f = schema; f->name != NULL; f++) {
		struct str value = form_value(form, str_from(f->name));

		if (out->empty_is_omitted && value.len == 0)
			value = STR_NONE;
		take(&r, f, (struct given){NULL, value});
	}
	return end(&r);
}

static void
begin(struct reader *r, const struct field_output *out, const char *prefix)
{
	*r = (struct reader){.out = out, .prefix = prefix};
	buf_char(out->input, '{');
}

static enum field_result
end(struct reader *r)
{
	buf_char(r->out->input, '}');
	if (r->invalid)
		return FIELD_INVALID;
	return buf_ok(r->out->input) && buf_ok(r->out->memory) ? FIELD_VALID : FIELD_TOO_LARGE;
}

static void
take(struct reader *r, const struct field *f, struct given given)
{
	bool is_form = given.text.p != NULL;

	if (given.json == NULL && !is_form) {
		if ((f->flags & FIELD_REQUIRED) && f->kind == FIELD_STRINGS)
			problem(r, f, STR("Invalid input")); /* zod's word for a union */
		else if (f->flags & FIELD_REQUIRED)
			wrong_type(r, f, expected_type(f->kind), "undefined");
		return;
	}
	if (json_is_null(given.json) && (f->flags & FIELD_NULLABLE)) {
		member(r, f, STR("null"));
		return;
	}
	switch (f->kind) {
	case FIELD_BOOL:
		take_bool(r, f, given);
		return;
	case FIELD_INT:
		take_int(r, f, given);
		return;
	case FIELD_ANY:
	case FIELD_WHOLE:
		take_json(r, f, given.json ? given.json : json_null());
		return;
	case FIELD_JSON:
		if (json_is_object(given.json))
			take_json(r, f, given.json);
		else
			wrong_type(r, f, "object", is_form ? "string" : type_name(given.json));
		return;
	case FIELD_STRINGS:
		take_strings(r, f, given);
		return;
	case FIELD_OBJECT:
		if (json_is_object(given.json))
			take_object(r, f, given.json);
		else
			wrong_type(r, f, "object", is_form ? "string" : type_name(given.json));
		return;
	default:
		break;
	}
	if (is_form)
		take_string(r, f, given.text);
	else if (json_is_string(given.json))
		take_string(r, f,
		    keep(r, (struct str){
				json_string_value(given.json), json_string_length(given.json)}));
	else
		wrong_type(r, f, "string", type_name(given.json));
}

static void
take_string(struct reader *r, const struct field *f, struct str text)
{
	char memory[160], hex_memory[2 * DIGEST_BYTES];
	struct buf said = BUF_ON(memory), hex = BUF_ON(hex_memory);
	int64_t bound = 0;
	const char *wrong;
	struct digest digest;

	if (f->kind == FIELD_EMAIL || f->kind == FIELD_ADDRESS)
		text = with_ascii_domain(r, text);
	wrong = string_problem(f, text, &bound);
	if (wrong != NULL) {
		buf_str(&said, str_from(wrong));
		if (bound > 0) {
			buf_int(&said, bound);
			buf_str(&said, STR(" characters"));
		}
		problem(r, f, buf_view(&said));
		return;
	}
	if (f->offset != FIELD_NOWHERE)
		memcpy((char *)r->out->target + f->offset, &text, sizeof(text));
	note_subject(r, f, text);
	if (f->kind == FIELD_TOKEN) {
		digest_sha256(&digest, text);
		buf_hex(&hex, digest.bytes, sizeof(digest.bytes));
		text = buf_view(&hex);
	}
	if (!begin_member(r, f))
		return;
	buf_json_str(r->out->input, text);
}

/* The address as email_to_ascii gives it; what does not fit there is no address. */
static struct str
with_ascii_domain(struct reader *r, struct str address)
{
	char memory[EMAIL_BYTES_MAX + 1];
	struct buf ascii = BUF_ON(memory);

	email_to_ascii(&ascii, address);
	return buf_ok(&ascii) && !str_equal(buf_view(&ascii), address) ? keep(r, buf_view(&ascii))
								       : address;
}

/* Spellings of one address are one subject. */
static void
note_subject(struct reader *r, const struct field *f, struct str text)
{
	struct str *subject = r->out->subject;
	struct buf *memory = r->out->memory;
	size_t from = memory->len;
	bool names_one = f->kind == FIELD_EMAIL || f->kind == FIELD_ADDRESS ||
			 f->kind == FIELD_TOKEN || (f->flags & FIELD_SUBJECT);

	if (subject == NULL || subject->len > 0 || text.len == 0 || !names_one)
		return;
	email_normalise(memory, text);
	*subject = (struct str){.p = memory->p + from, .len = memory->len - from};
}

/* zod's words, NULL when all is well; with `bound`, a number and " characters" follow. */
static const char *
string_problem(const struct field *f, struct str text, int64_t *bound)
{
	int64_t units = (int64_t)mailed_units(text), most = f->max > 0 ? f->max : STRING_MAX;

	if (memchr(text.p, '\0', text.len) != NULL)
		return "Invalid input: U+0000 is not allowed";
	if (f->kind == FIELD_EMAIL && !email_valid(text))
		return "Invalid email address";
	if ((f->flags & FIELD_NAME) && text.len > 0 && !name_visible(text))
		return NAME_HIDDEN;
	if ((f->flags & FIELD_SINGLE_SCRIPT) && !name_single_script(text))
		return "Invalid input: a word mixes letters of different scripts";
	if (units < f->min) {
		*bound = f->min;
		return "Too small: expected string to have >=";
	}
	if (units > most) {
		*bound = most;
		return "Too big: expected string to have <=";
	}
	if ((f->flags & FIELD_MAILED) && mailed_url_bytes(text) > MAILED_URLS_MAX) {
		*bound = MAILED_URLS_MAX;
		return "Too big: expected percent-encoded string to have <=";
	}
	if (f->kind == FIELD_ENUM) {
		for (const char *const *option = f->options; *option != NULL; option++)
			if (str_equal(text, str_from(*option)))
				return NULL;
		return "Invalid option";
	}
	return NULL;
}

static void
take_bool(struct reader *r, const struct field *f, struct given given)
{
	bool is_true = json_is_true(given.json) || str_equal(given.text, STR("true"));
	bool is_false = json_is_false(given.json) || str_equal(given.text, STR("false"));
	enum field_bool value = is_true ? FIELD_TRUE : FIELD_FALSE;

	if (!is_true && !is_false) {
		wrong_type(r, f, "boolean", given.json ? type_name(given.json) : "string");
		return;
	}
	if (f->offset != FIELD_NOWHERE)
		memcpy((char *)r->out->target + f->offset, &value, sizeof(value));
	member(r, f, is_true ? STR("true") : STR("false"));
}

static void
take_int(struct reader *r, const struct field *f, struct given given)
{
	int64_t value = 0;
	bool ok = json_is_number(given.json) && json_whole(&value, given.json);
	char digits[24] = "", written[24], *stop;
	struct buf text = BUF_ON(written);

	if (!ok && given.text.len > 0 && given.text.len < 19) {
		memcpy(digits, given.text.p, given.text.len);
		value = strtoll(digits, &stop, 10);
		ok = stop == digits + given.text.len &&
		     (digits[0] == '-' || (digits[0] >= '0' && digits[0] <= '9'));
	}
	if (!ok) {
		wrong_type(r, f, "number", given.json ? type_name(given.json) : "string");
		return;
	}
	if (value < f->min || (f->max > 0 && value > f->max)) {
		problem(r, f, STR("Invalid input: number out of range"));
		return;
	}
	if (f->offset != FIELD_NOWHERE)
		memcpy((char *)r->out->target + f->offset, &value, sizeof(value));
	buf_int(&text, value);
	member(r, f, buf_view(&text));
}

/* JSON has one kind of number (RFC 8259 section 6): 5.0 and 1e2 are whole ones. */
static bool
json_whole(int64_t *value, const json_t *json)
{
	static const double exact = 9007199254740992.0; /* 2^53, as JavaScript */
	double number = json_number_value(json);

	if (json_is_integer(json)) {
		*value = json_integer_value(json);
		return true;
	}
	if (number < -exact || number > exact || number != (double)(int64_t)number)
		return false;
	*value = (int64_t)number;
	return true;
}

static void
take_json(struct reader *r, const struct field *f, const json_t *json)
{
	size_t most = f->max > 0 ? (size_t)f->max : JSON_VALUE_MAX;
	char *text = json_dumps(json, JSON_COMPACT | JSON_ENCODE_ANY);
	struct str kept;

	if (text == NULL || strlen(text) > most) {
		free(text);
		problem(r, f, STR("Invalid input: too large"));
		return;
	}
	kept = keep(r, str_from(text));
	free(text);
	if ((f->flags & FIELD_NAME) && json_is_string(json) && json_string_length(json) > 0 &&
	    !name_visible((struct str){json_string_value(json), json_string_length(json)})) {
		problem(r, f, STR(NAME_HIDDEN));
		return;
	}
	if (f->offset != FIELD_NOWHERE)
		memcpy((char *)r->out->target + f->offset, &kept, sizeof(kept));
	member(r, f, kept);
}

static void
take_strings(struct reader *r, const struct field *f, struct given given)
{
	const json_t *item;
	size_t i;

	if (given.json == NULL) {
		take_string(r, f, given.text);
		return;
	}
	json_array_foreach((json_t *)given.json, i, item) if (!json_is_string(item)) break;
	if (json_is_string(given.json) ||
	    (json_is_array(given.json) && i == json_array_size(given.json)))
		take_json(r, f, given.json);
	else
		problem(r, f, STR("Invalid input"));
}

/* The members as if they stood in a body of their own; their messages name the way to them. */
static void
take_object(struct reader *r, const struct field *f, const json_t *json)
{
	char memory[96];
	struct buf path = BUF_ON(memory);
	struct reader inner = *r;

	buf_str(&path, str_from(r->prefix));
	buf_char(&path, '.');
	buf_str(&path, str_from(f->name));
	buf_char(&path, '\0');
	if (!buf_ok(&path) || !begin_member(r, f))
		return;
	inner.prefix = memory;
	inner.first_member_written = false;
	buf_char(r->out->input, '{');
	for (const struct field *m = f->members; m->name != NULL; m++)
		take(&inner, m, (struct given){json_object_get(json, m->name), STR_NONE});
	buf_char(r->out->input, '}');
	r->invalid = inner.invalid;
	r->first_problem_written = inner.first_problem_written;
}

static void
member(struct reader *r, const struct field *f, struct str json)
{
	if (begin_member(r, f))
		buf_str(r->out->input, json);
}

/* The name, for a value to follow; false if SQL is not to see the field. */
static bool
begin_member(struct reader *r, const struct field *f)
{
	if ((f->flags & FIELD_SECRET) || f->kind == FIELD_PASSWORD)
		return false;
	if (r->first_member_written)
		buf_char(r->out->input, ',');
	r->first_member_written = true;
	buf_json_str(r->out->input, str_from(f->name));
	buf_char(r->out->input, ':');
	return true;
}

static void
problem(struct reader *r, const struct field *f, struct str text)
{
	r->invalid = true;
	if (r->first_problem_written)
		buf_str(r->out->message, STR("; "));
	r->first_problem_written = true;
	buf_char(r->out->message, '[');
	buf_str(r->out->message, str_from(r->prefix));
	buf_char(r->out->message, '.');
	buf_str(r->out->message, str_from(f->name));
	buf_str(r->out->message, STR("] "));
	buf_str(r->out->message, text);
}

static void
wrong_type(struct reader *r, const struct field *f, const char *expected, const char *received)
{
	char memory[96];
	struct buf text = BUF_ON(memory);

	buf_str(&text, STR("Invalid input: expected "));
	buf_str(&text, str_from(expected));
	buf_str(&text, STR(", received "));
	buf_str(&text, str_from(received));
	problem(r, f, buf_view(&text));
}

static const char *
expected_type(enum field_kind kind)
{
	switch (kind) {
	case FIELD_BOOL:
		return "boolean";
	case FIELD_INT:
		return "number";
	case FIELD_JSON:
	case FIELD_WHOLE:
	case FIELD_OBJECT:
		return "object";
	default:
		return "string";
	}
}

static const char *
type_name(const json_t *json)
{
	switch (json_typeof(json)) {
	case JSON_OBJECT:
		return "object";
	case JSON_ARRAY:
		return "array";
	case JSON_STRING:
		return "string";
	case JSON_INTEGER:
	case JSON_REAL:
		return "number";
	case JSON_TRUE:
	case JSON_FALSE:
		return "boolean";
	case JSON_NULL:
		return "null";
	}
	return "undefined";
}

static struct str
keep(struct reader *r, struct str text)
{
	struct buf *memory = r->out->memory;
	size_t from = memory->len;

	buf_str(memory, text);
	return (struct str){memory->p + from, buf_ok(memory) ? text.len : 0};
}
