/*
 * Rows of our tables, read straight from a unique index: a query for the same costs a start of the
 * executor, which was a third of what the database did for a get-session (tests/bench). Not checked
 * here: who may read the table; only routines of the owner call this.
 */
#ifndef MANA_ROW_H
#define MANA_ROW_H

#include "access/htup.h"

#define ROW_COLUMNS_MAX 64

/* Where a row is found and which of its columns are read. */
struct row_source {
	const char *table, *index;  /* of schema auth */
	Oid key_equals;             /* pg_proc of the key's = */
	const char *const *columns; /* NULL at the end */

	/* what row_find has looked up */
	uint64 version; /* of the catalog then */
	Oid table_oid, index_oid, row_type;
	int positions[ROW_COLUMNS_MAX];
	Oid types[ROW_COLUMNS_MAX];
};

/* In the order of its source's columns, in memory of the caller's context. */
struct row {
	const struct row_source *source;
	HeapTuple tuple;
	Datum values[ROW_COLUMNS_MAX];
	bool nulls[ROW_COLUMNS_MAX];
};

/* The row of a key, as the active snapshot has it; false: there is none. */
extern bool row_find(struct row *out, struct row_source *source, Datum key);

/* The whole of it as a value of its table's type. */
extern Datum row_datum(const struct row *row);

#endif
