/*
 * The rows of an answer. Slices point into the answer, which lives until the next db_call of the
 * request and is overwritten then; copy what must survive (arena_copy).
 */
#ifndef MANA_ROW_H
#define MANA_ROW_H

#include <stdint.h>

#include "str.h"

struct db_answer;

/* How many rows. */
int row_count(const struct db_answer *a);
/* A column as text; STR_NONE for NULL. */
struct str row_text(const struct db_answer *a, int row, int column);
/* A number; `otherwise` for NULL. */
int64_t row_int(const struct db_answer *a, int row, int column, int64_t otherwise);
double row_double(const struct db_answer *a, int row, int column, double otherwise);
/* A boolean; false for NULL. */
bool row_bool(const struct db_answer *a, int row, int column);
/* Bytes of a bytea into out (size bytes), *count of them; false if NULL or too long. */
bool row_bytes(
    const struct db_answer *a, int row, int column, void *out, size_t *count, size_t size) MUST_USE;

#endif
