/*
 * Body schemas: a table of fields beside a struct. One engine reads a JSON object, a form or a
 * query string into the struct and writes the filtered JSON that becomes the SQL `input`. Unknown
 * names are dropped. Errors are worded as zod 4 words them.
 *
 * Ownership: every slice of the target struct points into `memory`, which the caller gives (the
 * request's arena, twice the body's size plus FIELD_MEMORY_EXTRA suffices), so no slice outlives it
 * and nothing has to be released.
 */
#ifndef MANA_FIELD_H
#define MANA_FIELD_H

#include <stdint.h>

#include "buf.h"
#include "form.h"

enum { FIELD_MEMORY_EXTRA = 4096, FIELD_JSON_DEPTH = 8, FIELD_MAX = 64 };

enum field_kind {
	FIELD_STRING,   /* struct str; min..max UTF-16 units, as JavaScript counts */
	FIELD_EMAIL,    /* struct str, as sent; an internationalised domain as A-labels */
	FIELD_ADDRESS,  /* the same, where the handler decides whether it is valid */
	FIELD_PASSWORD, /* struct str; never in the SQL input */
	FIELD_BOOL,     /* enum field_bool */
	FIELD_INT,      /* int64_t; min..max by value */
	FIELD_URL,      /* struct str; a callback, checked for origin by the caller */
	FIELD_TOKEN,    /* struct str; in the SQL input as hex of its SHA-256 */
	FIELD_JSON,     /* struct str: compact JSON of an object; max bytes */
	FIELD_ENUM,     /* struct str: one of options */
	FIELD_ANY,      /* no target: any JSON value, for SQL to judge; max bytes */
	FIELD_STRINGS,  /* no target: a string or an array of strings; max bytes */
	FIELD_OBJECT,   /* no target: a JSON object of which `members` come through */
	FIELD_WHOLE, /* no target: the JSON object that the body is, under this name; max bytes */
};

enum field_flag {
	FIELD_REQUIRED = 1,
	FIELD_NULLABLE = 2,
	FIELD_SECRET = 4, /* not in the SQL input */
	FIELD_MAILED = 8, /* a URL for a link in a mail: at most MAILED_URLS_MAX bytes there */
	FIELD_NAME = 16,  /* other people read it: name_visible */
	FIELD_SINGLE_SCRIPT = 32, /* and trust it: name_single_script */
	FIELD_SUBJECT = 64,       /* a string that says whom the request is about; FIELD_EMAIL and
				     FIELD_TOKEN do without the flag */
};

enum field_bool { FIELD_ABSENT = 0, FIELD_FALSE, FIELD_TRUE };

struct field {
	const char *name; /* NULL ends the table */
	enum field_kind kind;
	unsigned int flags;
	size_t offset; /* offsetof in the target; FIELD_NOWHERE when only SQL wants it */
	int64_t min;
	int64_t max;                 /* 0 = the kind's own limit */
	const char *const *options;  /* FIELD_ENUM, NULL-terminated */
	const struct field *members; /* FIELD_OBJECT; they are FIELD_NOWHERE */
};

#define FIELD_NOWHERE ((size_t)-1)

enum field_result {
	FIELD_VALID,
	FIELD_INVALID,   /* message holds zod's text */
	FIELD_MALFORMED, /* not JSON / not decodable: 400 of the parser, no message */
	FIELD_TOO_LARGE, /* over a limit of the engine */
};

struct field_output {
	void *target;        /* the struct, zeroed first; NULL if every field is FIELD_NOWHERE */
	struct buf *memory;  /* keeps the strings */
	struct buf *input;   /* gets the filtered JSON */
	struct buf *message; /* gets the error text */
	struct str *subject; /* gets the first FIELD_SUBJECT that is given, in lower case; NULL: not
				wanted */
	bool empty_is_omitted; /* of a form: a value without a character counts as absent */
};

/* Reads a JSON object; prefix is "body" or "query" for the messages. */
enum field_result field_read_json(const struct field_output *out, const struct field *schema,
    const char *prefix, struct str body) MUST_USE;
/* Reads a form or a query string that was parsed, and in which no field of the schema is repeated;
 * "true"/"false" and decimal numbers are converted by kind. Slices point into the form's memory. */
enum field_result field_read_form(const struct field_output *out, const struct field *schema,
    const char *prefix, const struct form *form) MUST_USE;

#endif
