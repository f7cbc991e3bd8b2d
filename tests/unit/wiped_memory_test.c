/* What held secrets is overwritten before it is freed: answers of the database, JSON documents. The
 * linker gives calls of PQclear and free to the functions below. */
#include "check.h"

#include <libpq-fe.h>
#include <malloc.h>
#include <string.h>

#include "db/result.h"
#include "json.h"

#define SECRET "correct horse battery staple"

void __real_PQclear(PGresult *result);
void __wrap_PQclear(PGresult *result);
void __real_free(void *p);
void __wrap_free(void *p);

static int cleared, values_left, freed, secrets_left;

void
__wrap_PQclear(PGresult *result)
{
	cleared++;
	for (int row = 0; row < PQntuples(result); row++)
		for (int column = 0; column < PQnfields(result); column++)
			for (int i = 0; i < PQgetlength(result, row, column); i++)
				values_left += PQgetvalue(result, row, column)[i] != '\0';
	__real_PQclear(result);
}

void
__wrap_free(void *p)
{
	if (p != NULL) {
		freed++;
		secrets_left += memmem(p, malloc_usable_size(p), SECRET, strlen(SECRET)) != NULL;
	}
	__real_free(p);
}

/* Two rows; the second has a NULL and an empty text. */
static PGresult *
answer(void)
{
	PGresult *result = PQmakeEmptyPGresult(NULL, PGRES_TUPLES_OK);
	PGresAttDesc columns[] = {{.name = "kid"}, {.name = "private_key"}};

	assert_true(PQsetResultAttrs(result, 2, columns) != 0);
	assert_true(PQsetvalue(result, 0, 0, "key-1", 5) != 0);
	assert_true(PQsetvalue(result, 0, 1, "\\x0102", 6) != 0);
	assert_true(PQsetvalue(result, 1, 0, "", 0) != 0);
	assert_true(PQsetvalue(result, 1, 1, NULL, -1) != 0);
	return result;
}

static void
an_answer_is_overwritten_when_it_is_freed(void **state)
{
	cleared = values_left = 0;
	result_free(answer());
	result_free(PQmakeEmptyPGresult(NULL, PGRES_FATAL_ERROR));
	result_free(NULL);
	assert_int_equal(cleared, 3);
	assert_int_equal(values_left, 0);
}

static void
a_document_is_overwritten_when_it_is_freed(void **state)
{
	static const char text[] =
	    "{\"password\":\"" SECRET "\",\"deep\":[{\"a\":\"" SECRET "\"}]}";
	struct json_limits limits = {.bytes = sizeof(text), .depth = 8};
	json_t *document;

	freed = secrets_left = 0;
	assert_true(json_read(&document, str_from(text), limits));
	json_decref(document);
	assert_true(freed > 0);
	assert_int_equal(secrets_left, 0);
}

static void
a_malformed_document_is_overwritten_as_well(void **state)
{
	static const char text[] = "{\"password\":\"" SECRET "\",";
	struct json_limits limits = {.bytes = sizeof(text), .depth = 8};
	json_t *document;

	freed = secrets_left = 0;
	assert_false(json_read(&document, str_from(text), limits));
	assert_true(freed > 0);
	assert_int_equal(secrets_left, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(an_answer_is_overwritten_when_it_is_freed),
	    cmocka_unit_test(a_document_is_overwritten_when_it_is_freed),
	    cmocka_unit_test(a_malformed_document_is_overwritten_as_well),
	};

	json_wipe_freed();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
