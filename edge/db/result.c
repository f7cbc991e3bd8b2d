/* Overwriting answers before libpq frees them; see result.h. */
#include "db/result.h"

#include <sodium.h>

void
result_free(PGresult *result)
{
	for (int row = 0; row < PQntuples(result); row++)
		for (int column = 0; column < PQnfields(result); column++)
			if (!PQgetisnull(result, row, column))
				sodium_memzero(PQgetvalue(result, row, column),
				    (size_t)PQgetlength(result, row, column));
	PQclear(result);
}
