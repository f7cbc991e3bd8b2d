/* Counting the catalog's changes; see catalog.h. */
#include "postgres.h"

#include "catalog.h"
#include "utils/inval.h"
#include "utils/syscache.h"

static uint64 version = 1; /* 0: never looked */

static void relation_changed(Datum arg, Oid relation);
static void schema_changed(Datum arg, int cache, uint32 hash);

void
catalog_init(void)
{
	CacheRegisterRelcacheCallback(relation_changed, (Datum)0);
	CacheRegisterSyscacheCallback(NAMESPACEOID, schema_changed, (Datum)0);
}

uint64
catalog_version(void)
{
	return version;
}

static void
relation_changed(Datum arg, Oid relation)
{
	version++;
}

static void
schema_changed(Datum arg, int cache, uint32 hash)
{
	version++;
}
