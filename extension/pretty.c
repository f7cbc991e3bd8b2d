/*
 * auth.json_pretty: JSON for people to read, as JSON.stringify(value, null, 2) writes it, indented
 * further by some levels for a value that stands inside another one. The JSON is compact and valid;
 * nothing in it is changed but the white space.
 */
#include "postgres.h"

#include "fmgr.h"
#include "lib/stringinfo.h"
#include "utils/builtins.h"

/* Deeper lines are not indented further, so that the depth does not multiply the size. */
enum { INDENT = 2, LEVELS_MAX = 64 };

PG_FUNCTION_INFO_V1(mana_json_pretty);

static void append_pretty(StringInfo out, const char *json, int level);
static const char *append_string(StringInfo out, const char *quote);
static void append_line(StringInfo out, int level);

/* (json, level) */
Datum
mana_json_pretty(PG_FUNCTION_ARGS)
{
	StringInfoData out;

	initStringInfo(&out);
	append_pretty(&out, text_to_cstring(PG_GETARG_TEXT_PP(0)), PG_GETARG_INT32(1));
	PG_RETURN_TEXT_P(cstring_to_text_with_len(out.data, out.len));
}

static void
append_pretty(StringInfo out, const char *json, int level)
{
	bool opened = false; /* a bracket, and nothing behind it yet */

	for (const char *c = json; *c != '\0'; c++) {
		if (strchr(" \t\r\n", *c) != NULL)
			continue;
		if (strchr("]}", *c) != NULL) {
			level--;
			if (!opened)
				append_line(out, level);
		} else if (opened) {
			append_line(out, level);
		}
		opened = strchr("[{", *c) != NULL;
		if (*c == '"') {
			c = append_string(out, c);
			continue;
		}
		appendStringInfoChar(out, *c);
		if (opened)
			level++;
		else if (*c == ',')
			append_line(out, level);
		else if (*c == ':')
			appendStringInfoChar(out, ' ');
	}
}

/* Up to its closing quote, which is returned. */
static const char *
append_string(StringInfo out, const char *quote)
{
	const char *c = quote + 1;

	while (*c != '"' && *c != '\0')
		c += *c == '\\' && c[1] != '\0' ? 2 : 1;
	appendBinaryStringInfo(out, quote, c - quote + (*c == '"'));
	return *c == '"' ? c : c - 1;
}

static void
append_line(StringInfo out, int level)
{
	appendStringInfoChar(out, '\n');
	appendStringInfoSpaces(out, Min(level, LEVELS_MAX) * INDENT);
}
