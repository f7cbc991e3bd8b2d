/*
 * The errors of the service, from the one table errors.def: what C returns, SQL refuses with and
 * the documentation lists.
 */
#ifndef MANA_ERROR_H
#define MANA_ERROR_H

#include "str.h"

enum error {
	OK = 0,
#define ERROR(name, status, oauth, lockout, message) ERR_##name,
#include "errors.def"
#undef ERROR
	ERROR_COUNT
};

struct error_info {
	struct str name;        /* the code that clients see */
	int status;             /* HTTP */
	struct str oauth;       /* RFC 6749 error name; empty if it is none */
	bool counts_as_failure; /* towards the lockout */
	struct str message;     /* default text; a caller may override it */
};

/* The row of an error; asserts that e is one (not OK). Static memory. */
const struct error_info *error_info(enum error e);
/* The error of that name, OK when there is none (the database sent a name that we do not know). */
enum error error_by_name(struct str name) MUST_USE;

#endif
