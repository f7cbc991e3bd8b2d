/* Reading rows; see row.h. Everything travels as text, so a number is what PostgreSQL prints. */
#include "db/row.h"

#include <libpq-fe.h>
#include <sodium.h>
#include <stdlib.h>

#include "db/result.h"
#include "http/private.h"

static const PGresult *result_of(const struct db_answer *a);

int
row_count(const struct db_answer *a)
{
	return PQntuples(result_of(a));
}

struct str
row_text(const struct db_answer *a, int row, int column)
{
	const PGresult *result = result_of(a);

	if (row >= PQntuples(result) || column >= PQnfields(result) ||
	    PQgetisnull(result, row, column))
		return STR_NONE;
	return (struct str){
	    .p = PQgetvalue(result, row, column), .len = (size_t)PQgetlength(result, row, column)};
}

int64_t
row_int(const struct db_answer *a, int row, int column, int64_t otherwise)
{
	struct str text = row_text(a, row, column);

	return text.p != NULL ? strtoll(text.p, NULL, 10) : otherwise;
}

double
row_double(const struct db_answer *a, int row, int column, double otherwise)
{
	struct str text = row_text(a, row, column);

	return text.p != NULL ? strtod(text.p, NULL) : otherwise;
}

bool
row_bool(const struct db_answer *a, int row, int column)
{
	return str_equal(row_text(a, row, column), STR("t"));
}

bool
row_bytes(const struct db_answer *a, int row, int column, void *out, size_t *count, size_t size)
{
	struct str text = row_text(a, row, column);

	*count = 0;
	return str_starts(text, STR("\\x")) &&
	       sodium_hex2bin(out, size, text.p + 2, text.len - 2, NULL, count, NULL) == 0 &&
	       *count == (text.len - 2) / 2;
}

void
db_answer_clear(struct request *r)
{
	result_free((PGresult *)r->private->call.result);
	r->private->call.result = NULL;
	r->answer = NULL;
}

/* An answer is a PGresult under a name that features may know. */
static const PGresult *
result_of(const struct db_answer *a)
{
	return (const PGresult *)a;
}
