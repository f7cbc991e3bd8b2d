/* Where PostgreSQL 15 to 18 differ. */
#ifndef MANA_COMPAT_H
#define MANA_COMPAT_H

#if PG_VERSION_NUM < 150000
#error "PostgreSQL 15 or later is needed"
#endif

#if PG_VERSION_NUM >= 160000
#include "varatt.h"
#endif

#endif
