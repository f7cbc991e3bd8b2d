/*
 * auth.form_encode: the application/x-www-form-urlencoded form of a text (URL standard, section
 * 5.2), in one pass over its bytes.
 */
#include "postgres.h"

#include "fmgr.h"
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "compat.h"

PG_FUNCTION_INFO_V1(mana_form_encode);

static bool stands_for_itself(unsigned char c);

/* (value) */
Datum
mana_form_encode(PG_FUNCTION_ARGS)
{
	static const char hex[] = "0123456789ABCDEF";
	text *given = PG_GETARG_TEXT_PP(0);
	int len = VARSIZE_ANY_EXHDR(given);
	char *utf8 = pg_server_to_any(VARDATA_ANY(given), len, PG_UTF8);
	StringInfoData out;

	if (utf8 != VARDATA_ANY(given))
		len = strlen(utf8);
	initStringInfo(&out);
	enlargeStringInfo(&out, len);
	for (int i = 0; i < len; i++) {
		unsigned char c = (unsigned char)utf8[i];

		if (stands_for_itself(c)) {
			appendStringInfoChar(&out, (char)c);
		} else if (c == ' ') {
			appendStringInfoChar(&out, '+');
		} else {
			const char escape[] = {'%', hex[c >> 4], hex[c & 15]};

			appendBinaryStringInfo(&out, escape, sizeof(escape));
		}
	}
	PG_RETURN_TEXT_P(cstring_to_text_with_len(out.data, out.len));
}

/* ASCII letters and digits, and * - . _ */
static bool
stands_for_itself(unsigned char c)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
	       c == '*' || c == '-' || c == '.' || c == '_';
}
