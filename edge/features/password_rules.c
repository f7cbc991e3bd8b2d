/*
 * Limits of a new password: 8 to 128 characters, as JavaScript counts them.
 */
#include "features/password_rules.h"

#include "jobs/password_job.h"
#include "routes.h"

enum error
password_length_problem(const struct request *r, struct str plain)
{
	size_t units = password_units(plain);

	if (units >= PASSWORD_UNITS_MIN && units <= PASSWORD_UNITS_MAX)
		return OK;
	if (r->route->errors == ERRORS_V1)
		return ERR_WEAK_PASSWORD;
	return units < PASSWORD_UNITS_MIN ? ERR_PASSWORD_TOO_SHORT : ERR_PASSWORD_TOO_LONG;
}
