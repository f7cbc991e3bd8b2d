/*
 * Calls in a line: those under way on a connection, or those that wait.
 */
#ifndef MANA_LINE_H
#define MANA_LINE_H

#include "http/private.h"

struct line {
	struct request *first, *last;
	int count;
};

void line_append(struct line *line, struct request *r);
/* Takes the first. */
struct request *line_take(struct line *line);
/* Takes the one behind `before`; NULL: the first. */
struct request *line_take_behind(struct line *line, struct request *before);
/* Puts `other` in the place of `r`, which stands behind `before`; NULL: at the beginning. */
void
line_replace(struct line *line, struct request *before, struct request *r, struct request *other);

#endif
