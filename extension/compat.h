/* Where PostgreSQL 15 to 18 differ: tested on 15, by hand on 18.3. */
#ifndef MANA_COMPAT_H
#define MANA_COMPAT_H

#if PG_VERSION_NUM < 150000
#error "PostgreSQL 15 or later is needed"
#endif

#if PG_VERSION_NUM >= 160000
#include "varatt.h"
#define foreign_server_aclcheck(server, role)                                                      \
	object_aclcheck(ForeignServerRelationId, (server), (role), ACL_USAGE)
#else
#define foreign_server_aclcheck(server, role)                                                      \
	pg_foreign_server_aclcheck((server), (role), ACL_USAGE)
#endif

#if PG_VERSION_NUM >= 180000
#define begin_index_scan(table, index, snapshot, keys)                                             \
	index_beginscan((table), (index), (snapshot), NULL, (keys), 0)
#else
#define begin_index_scan(table, index, snapshot, keys)                                             \
	index_beginscan((table), (index), (snapshot), (keys), 0)
#endif

#endif
