/* The table of errors (error.h). */
#include "error.h"

#include <assert.h>

static const struct error_info infos[ERROR_COUNT] = {
#define ERROR(name, status, oauth, lockout, message)                                               \
	[ERR_##name] = {STR(#name), (status), STR(oauth), (lockout) != 0, STR(message)},
#include "errors.def"
#undef ERROR
};

const struct error_info *
error_info(enum error e)
{
	assert(e > OK && e < ERROR_COUNT);
	return &infos[e];
}

enum error
error_by_name(struct str name)
{
	for (int e = OK + 1; e < ERROR_COUNT; e++)
		if (str_equal(name, infos[e].name))
			return (enum error)e;
	return OK;
}
