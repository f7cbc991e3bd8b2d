/*
 * auth.json_object and auth.json_array_agg: the JSON that goes to a client as it is. Compact, keys
 * in the order given, times as ISO 8601 with milliseconds and Z (ECMA-262 toISOString), json and
 * jsonb taken over with their own order.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "lib/stringinfo.h"
#include "utils/builtins.h"
#include "utils/json.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"
#include "compat.h"
#include "errors.h"
#include "json.h"

PG_FUNCTION_INFO_V1(mana_json_object);
PG_FUNCTION_INFO_V1(mana_json_array_add);
PG_FUNCTION_INFO_V1(mana_json_export_add);
PG_FUNCTION_INFO_V1(mana_json_array_end);
PG_FUNCTION_INFO_V1(mana_iso);
PG_FUNCTION_INFO_V1(mana_fresh_token);
PG_FUNCTION_INFO_V1(mana_access_token);
PG_FUNCTION_INFO_V1(mana_presented_token);
PG_FUNCTION_INFO_V1(mana_master_key);

enum { ANSWER_BYTES_MAX = 1024 * 1024, EXPORT_BYTES_MAX = 16 * 1024 * 1024 };

static Datum array_add(FunctionCallInfo fcinfo, int bytes_max);
static void append_time(StringInfo out, TimestampTz when);
static void append_number(StringInfo out, char before, int number, int digits);
static void append_compact(StringInfo out, const char *json);

Datum
mana_json_object(PG_FUNCTION_ARGS)
{
	Datum *values;
	Oid *types;
	bool *nulls;
	int n = extract_variadic_args(fcinfo, 0, false, &values, &types, &nulls);
	StringInfoData out;

	if (n < 0)
		PG_RETURN_NULL();
	if (n % 2 != 0)
		ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE),
		    errmsg("json_object takes pairs of key and value"));
	initStringInfo(&out);
	appendStringInfoChar(&out, '{');
	for (int i = 0; i < n; i += 2) {
		if (nulls[i])
			ereport(ERROR, errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
			    errmsg("a key is null"));
		if (i > 0)
			appendStringInfoChar(&out, ',');
		json_append(&out, values[i], types[i]);
		appendStringInfoChar(&out, ':');
		if (nulls[i + 1])
			appendStringInfoString(&out, "null");
		else
			json_append(&out, values[i + 1], types[i + 1]);
	}
	appendStringInfoChar(&out, '}');
	PG_RETURN_TEXT_P(cstring_to_text_with_len(out.data, out.len));
}

/* Transition functions: the state is a StringInfo in the aggregate's memory. */
Datum
mana_json_array_add(PG_FUNCTION_ARGS)
{
	return array_add(fcinfo, ANSWER_BYTES_MAX);
}

Datum
mana_json_export_add(PG_FUNCTION_ARGS)
{
	return array_add(fcinfo, EXPORT_BYTES_MAX);
}

static Datum
array_add(FunctionCallInfo fcinfo, int bytes_max)
{
	MemoryContext aggregate, old;
	StringInfo out;

	if (!AggCheckCallContext(fcinfo, &aggregate))
		elog(ERROR, "called outside an aggregate");
	old = MemoryContextSwitchTo(aggregate);
	out = PG_ARGISNULL(0) ? makeStringInfo() : (StringInfo)PG_GETARG_POINTER(0);
	appendStringInfoChar(out, out->len == 0 ? '[' : ',');
	if (PG_ARGISNULL(1))
		appendStringInfoString(out, "null");
	else
		json_append(out, PG_GETARG_DATUM(1), JSONOID);
	MemoryContextSwitchTo(old);
	if (out->len > bytes_max)
		ereport(ERROR, errcode(MANA_ERRCODE(413)),
		    errmsg("answer exceeds %d bytes", bytes_max),
		    errdetail_internal("{\"code\":\"ANSWER_TOO_LARGE\",\"retryAfterSeconds\":0}"));
	PG_RETURN_POINTER(out);
}

Datum
mana_json_array_end(PG_FUNCTION_ARGS)
{
	StringInfo out = PG_ARGISNULL(0) ? NULL : (StringInfo)PG_GETARG_POINTER(0);

	if (out == NULL)
		PG_RETURN_TEXT_P(cstring_to_text("[]"));
	PG_RETURN_TEXT_P(cstring_to_text(psprintf("%s]", out->data)));
}

Datum
mana_iso(PG_FUNCTION_ARGS)
{
	StringInfoData out;

	initStringInfo(&out);
	append_time(&out, PG_GETARG_TIMESTAMPTZ(0));
	PG_RETURN_TEXT_P(cstring_to_text_with_len(out.data + 1, out.len - 2));
}

/*
 * The markers of auth.reply.body: strings that hold one raw control byte. escape_json writes \u0001
 * for a U+0001 that a user typed, so no user can write a marker.
 */
Datum
mana_fresh_token(PG_FUNCTION_ARGS)
{
	PG_RETURN_TEXT_P(cstring_to_text("\"\001\""));
}

Datum
mana_access_token(PG_FUNCTION_ARGS)
{
	PG_RETURN_TEXT_P(cstring_to_text("\"\002\""));
}

Datum
mana_presented_token(PG_FUNCTION_ARGS)
{
	PG_RETURN_TEXT_P(cstring_to_text("\"\003\""));
}

Datum
mana_master_key(PG_FUNCTION_ARGS)
{
	PG_RETURN_TEXT_P(cstring_to_text("\"\004\""));
}

void
json_append(StringInfo out, Datum value, Oid type)
{
	Oid output;
	bool is_varlena;

	switch (type) {
	case BOOLOID:
		appendStringInfoString(out, DatumGetBool(value) ? "true" : "false");
		return;
	case TIMESTAMPTZOID:
		append_time(out, DatumGetTimestampTz(value));
		return;
	case UNKNOWNOID: /* a literal */
		escape_json(out, DatumGetCString(value));
		return;
	case TEXTOID: /* this and json without looking up the type, for they are most of it */
		escape_json(out, TextDatumGetCString(value));
		return;
	case JSONOID:
		append_compact(out, TextDatumGetCString(value));
		return;
	default:
		break;
	}
	getTypeOutputInfo(type, &output, &is_varlena);
	switch (type) {
	case INT2OID:
	case INT4OID:
	case INT8OID:
	case NUMERICOID:
		appendStringInfoString(out, OidOutputFunctionCall(output, value));
		break;
	case JSONBOID:
		append_compact(out, OidOutputFunctionCall(output, value));
		break;
	default:
		escape_json(out, OidOutputFunctionCall(output, value));
	}
}

/* Truncated to milliseconds, as JavaScript keeps times. */
static void
append_time(StringInfo out, TimestampTz when)
{
	struct pg_tm tm;
	fsec_t fsec;

	if (TIMESTAMP_NOT_FINITE(when) || timestamp2tm(when, NULL, &tm, &fsec, NULL, NULL) != 0)
		ereport(ERROR, errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
		    errmsg("timestamp out of range"));
	append_number(out, '"', tm.tm_year, 4);
	append_number(out, '-', tm.tm_mon, 2);
	append_number(out, '-', tm.tm_mday, 2);
	append_number(out, 'T', tm.tm_hour, 2);
	append_number(out, ':', tm.tm_min, 2);
	append_number(out, ':', tm.tm_sec, 2);
	append_number(out, '.', (int)(fsec / 1000), 3);
	appendBinaryStringInfo(out, "Z\"", 2);
}

/* A character, and a number with as many digits as asked for, or more. */
static void
append_number(StringInfo out, char before, int number, int digits)
{
	enum { DIGITS_MAX = 12 };
	char text[DIGITS_MAX + 1];
	char *at = text + sizeof(text);
	unsigned int left = (unsigned int)abs(number);

	for (; digits > 0 || left > 0; digits--, left /= 10)
		*--at = (char)('0' + left % 10);
	if (number < 0)
		*--at = '-';
	*--at = before;
	appendBinaryStringInfo(out, at, (int)(text + sizeof(text) - at));
}

/* Valid JSON without the white space between its tokens. */
static void
append_compact(StringInfo out, const char *json)
{
	const char *from = json;
	bool in_string = false;

	for (const char *c = json; *c != '\0'; c++) {
		if (*c == '"')
			in_string = !in_string;
		else if (in_string && *c == '\\' && c[1] != '\0')
			c++; /* and what it escapes */
		else if (!in_string && (*c == ' ' || *c == '\t' || *c == '\r' || *c == '\n')) {
			appendBinaryStringInfo(out, from, (int)(c - from));
			from = c + 1;
		}
	}
	appendStringInfoString(out, from);
}
