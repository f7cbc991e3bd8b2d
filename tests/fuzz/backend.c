/* PostgreSQL's server in a few lines (backend.h). */
#include "backend.h"

#include <setjmp.h>
#include <sodium.h>

#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/json.h"

enum { TEXT_BYTES_START = 64 };

/* A list of pieces of memory, the youngest first. */
struct piece {
	struct piece *next;
	size_t size;
	_Alignas(max_align_t) char bytes[];
};

static struct piece *pieces;
static sigjmp_buf raised;
static int level;

void *
palloc(Size size)
{
	struct piece *piece = malloc(sizeof(*piece) + size);

	REQUIRE(piece != NULL);
	piece->next = pieces;
	piece->size = size;
	pieces = piece;
	return piece->bytes;
}

void *
palloc0(Size size)
{
	return memset(palloc(size), 0, size);
}

/* The old piece is kept until the end. */
void *
repalloc(void *pointer, Size size)
{
	struct piece *old = (struct piece *)((char *)pointer - offsetof(struct piece, bytes));
	void *grown = palloc(size);

	return memcpy(grown, pointer, Min(old->size, size));
}

void
pfree(void *pointer)
{
}

void
backend_reset(void)
{
	while (pieces != NULL) {
		struct piece *piece = pieces;

		pieces = piece->next;
		free(piece);
	}
}

bool
backend_call(Datum *result, PGFunction function, int count, const Datum *arguments)
{
	LOCAL_FCINFO(call, FUNC_MAX_ARGS);

	InitFunctionCallInfoData(*call, NULL, count, InvalidOid, NULL, NULL);
	for (int i = 0; i < count; i++) {
		call->args[i].value = arguments[i];
		call->args[i].isnull = false;
	}
	if (sigsetjmp(raised, 0) != 0)
		return false;
	*result = function(call);
	return !call->isnull;
}

Datum
DirectFunctionCall2Coll(PGFunction function, Oid collation, Datum first, Datum second)
{
	LOCAL_FCINFO(call, 2);

	InitFunctionCallInfoData(*call, NULL, 2, collation, NULL, NULL);
	call->args[0].value = first;
	call->args[0].isnull = false;
	call->args[1].value = second;
	call->args[1].isnull = false;
	return function(call);
}

Datum
backend_text(struct str value)
{
	return PointerGetDatum(cstring_to_text_with_len(value.p, (int)value.len));
}

struct str
backend_bytes(Datum value)
{
	const struct varlena *bytes = (const struct varlena *)DatumGetPointer(value);

	return (struct str){VARDATA_ANY(bytes), VARSIZE_ANY_EXHDR(bytes)};
}

/* Errors: the level alone matters. */
bool
errstart(int elevel, const char *domain)
{
	level = elevel;
	return elevel >= ERROR;
}

bool
errstart_cold(int elevel, const char *domain)
{
	return errstart(elevel, domain);
}

void
errfinish(const char *file, int line, const char *function)
{
	if (level >= ERROR)
		siglongjmp(raised, 1);
}

int
errcode(int code)
{
	return 0;
}

int
errmsg(const char *format, ...)
{
	return 0;
}

int
errmsg_internal(const char *format, ...)
{
	return 0;
}

int
errdetail_internal(const char *format, ...)
{
	return 0;
}

/* lib/stringinfo.c */
StringInfo
makeStringInfo(void)
{
	StringInfo made = palloc(sizeof(StringInfoData));

	initStringInfo(made);
	return made;
}

void
initStringInfo(StringInfo text)
{
	text->data = palloc(TEXT_BYTES_START);
	text->maxlen = TEXT_BYTES_START;
	text->len = 0;
	text->cursor = 0;
	text->data[0] = '\0';
}

void
enlargeStringInfo(StringInfo text, int needed)
{
	int size = text->maxlen;

	while (size <= text->len + needed)
		size *= 2;
	if (size == text->maxlen)
		return;
	text->data = repalloc(text->data, (Size)size);
	text->maxlen = size;
}

void
appendBinaryStringInfo(StringInfo text, const char *bytes, int count)
{
	enlargeStringInfo(text, count);
	memcpy(text->data + text->len, bytes, (size_t)count);
	text->len += count;
	text->data[text->len] = '\0';
}

void
appendStringInfoString(StringInfo text, const char *string)
{
	appendBinaryStringInfo(text, string, (int)strlen(string));
}

void
appendStringInfoChar(StringInfo text, char c)
{
	appendBinaryStringInfo(text, &c, 1);
}

void
appendStringInfoSpaces(StringInfo text, int count)
{
	for (int i = 0; i < count; i++)
		appendStringInfoChar(text, ' ');
}

/* Values */
text *
cstring_to_text_with_len(const char *string, int len)
{
	text *made = palloc((Size)len + VARHDRSZ);

	SET_VARSIZE(made, len + VARHDRSZ);
	if (len > 0)
		memcpy(VARDATA(made), string, (size_t)len);
	return made;
}

text *
cstring_to_text(const char *string)
{
	return cstring_to_text_with_len(string, (int)strlen(string));
}

char *
text_to_cstring(const text *value)
{
	int len = VARSIZE_ANY_EXHDR(value);
	char *string = palloc((Size)len + 1);

	memcpy(string, VARDATA_ANY(value), (size_t)len);
	string[len] = '\0';
	return string;
}

struct varlena *
pg_detoast_datum_packed(struct varlena *value)
{
	return value;
}

char *
pg_server_to_any(const char *bytes, int len, int encoding)
{
	return (char *)bytes;
}

unsigned char
pg_ascii_toupper(unsigned char c)
{
	return c >= 'a' && c <= 'z' ? (unsigned char)(c - 'a' + 'A') : c;
}

bool
pg_strong_random(void *out, size_t count)
{
	randombytes_buf(out, count);
	return true;
}

size_t
strlcpy(char *out, const char *from, size_t size)
{
	size_t len = strlen(from), kept = size > 0 ? Min(len, size - 1) : 0;

	memcpy(out, from, kept);
	if (size > 0)
		out[kept] = '\0';
	return len;
}
