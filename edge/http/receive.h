/*
 * Bytes that have come and are not taken yet. They hold passwords and tokens: memory is wiped
 * wherever bytes leave it, and an idle connection has none.
 */
#ifndef MANA_RECEIVE_H
#define MANA_RECEIVE_H

#include <stdbool.h>
#include <stddef.h>

struct receive {
	char *bytes;
	size_t count;
	size_t size;
};

/* Makes room for at least a byte; bytes may move. False: there are `max` bytes already. */
bool receive_grow(struct receive *in, size_t max);
/* Takes out count bytes; those behind them move up. */
void receive_drop(struct receive *in, size_t from, size_t count);
/* Gives the memory back. */
void receive_release(struct receive *in);

#endif
