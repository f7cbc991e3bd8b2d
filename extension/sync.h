/* The sync database, as the DBA declares it: CREATE SERVER mana_sync FOREIGN DATA WRAPPER
 * postgres_fdw.
 */
#ifndef MANA_SYNC_H
#define MANA_SYNC_H

#define SYNC_SERVER "mana_sync"

#endif
