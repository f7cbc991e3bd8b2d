/*
 * Asking the database. One call is one prepared statement of calls.c and one transaction; many are
 * under way on one connection (libpq's pipeline mode). Nothing is ever sent twice: when the
 * connection breaks, what may have happened is answered 503, not repeated.
 *
 * The next step runs only if the call succeeded. Otherwise the request is answered here: 503 with
 * Retry-After while the database is away or silent, the error of an SQLSTATE of class MA (429,
 * say), 500 for everything else, which is logged. A background task just ends.
 */
#ifndef MANA_DB_H
#define MANA_DB_H

#include <stdint.h>

#include "db/calls.h"
#include "db/row.h"
#include "http/request.h"

/* An argument; made by the functions below, points to memory that lives as long as the request. */
struct db_arg {
	const char *value; /* NULL: SQL NULL */
	int length;        /* of a binary value */
	bool binary;
};

/* What is no UTF-8 in `text`, and a NUL, becomes U+FFFD, for PostgreSQL takes neither. STR_NONE:
 * NULL. */
struct db_arg db_text(struct request *r, struct str text);
struct db_arg db_int(struct request *r, int64_t value);
struct db_arg db_bool(bool value);
/* bytea; points to the caller's memory. */
struct db_arg db_bytes(const void *bytes, size_t count);
/* The same of a digest; NULL: SQL NULL. */
struct db_arg db_digest(const struct digest *digest);
struct db_arg db_null(void);

/* Sends a call: db_call(r, CALL_SIGN_IN_LOOKUP, credentials_found, db_text(r, in->email)). The
 * caller and the input of the request are added by themselves where the statement wants them. */
#define db_call(r, call, next, ...)                                                                \
	db_call_with((r), (call), (next), (const struct db_arg[]){db_null(), ##__VA_ARGS__},       \
	    sizeof((const struct db_arg[]){db_null(), ##__VA_ARGS__}) / sizeof(struct db_arg))

/* What db_call is made of; the first argument is a placeholder. */
enum step db_call_with(
    struct request *r, enum call call, step_fn *next, const struct db_arg *args, size_t count);

/* Whether a connection is up and the database knows every statement. */
bool db_ready(void);

#endif
