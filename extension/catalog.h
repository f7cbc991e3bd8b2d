/* Until when what C remembers of the catalog is true. */
#ifndef MANA_CATALOG_H
#define MANA_CATALOG_H

extern void catalog_init(void);

/*
 * Changes whenever a relation, a composite type or a schema of this database may have changed. Who
 * keeps what they looked up keeps this beside it, and looks again when it differs: after the lock
 * was taken, since taking it is when a backend hears of changes.
 */
extern uint64 catalog_version(void);

#endif
