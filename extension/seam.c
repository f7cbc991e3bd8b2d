/* Taking apart what SQL hands over, and finding the routines of schema auth; see seam.h. */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog.h"
#include "compat.h"
#include "funcapi.h"
#include "nodes/pg_list.h"
#include "nodes/value.h"
#include "parser/parse_func.h"
#include "seam.h"
#include "utils/memutils.h"
#include "utils/typcache.h"

#define RESULTS_MAX 16

/* Working one out costs several looks into the catalog, and every request would. */
struct result {
	Oid function;
	TupleDesc shape;
};

void
caller_read(struct caller *out, HeapTupleHeader caller)
{
	HeapTupleData tuple = {.t_len = HeapTupleHeaderGetDatumLength(caller), .t_data = caller};
	TupleDesc shape = lookup_rowtype_tupdesc(
	    HeapTupleHeaderGetTypeId(caller), HeapTupleHeaderGetTypMod(caller));

	if (shape->natts != CALLER_COLUMNS)
		elog(ERROR, "auth.caller has an unexpected shape");
	heap_deform_tuple(&tuple, shape, out->values, out->nulls);
	ReleaseTupleDesc(shape);
}

TupleDesc
seam_result(FunctionCallInfo fcinfo, int columns)
{
	static struct result results[RESULTS_MAX];
	static MemoryContext memory;
	static uint64 version;
	static int count;
	Oid function = fcinfo->flinfo->fn_oid;
	MemoryContext caller;
	TupleDesc shape;

	if (version != catalog_version() || count == RESULTS_MAX) {
		if (memory == NULL)
			memory = AllocSetContextCreate(
			    TopMemoryContext, "mana_auth results", ALLOCSET_SMALL_SIZES);
		MemoryContextReset(memory);
		count = 0;
		version = catalog_version();
	}
	for (int i = 0; i < count; i++)
		if (results[i].function == function)
			return results[i].shape;
	if (get_call_result_type(fcinfo, NULL, &shape) != TYPEFUNC_COMPOSITE ||
	    shape->natts != columns)
		elog(ERROR, "a function of the seam returns an unexpected row");
	caller = MemoryContextSwitchTo(memory);
	results[count].function = function;
	results[count].shape = BlessTupleDesc(CreateTupleDescCopy(shape));
	MemoryContextSwitchTo(caller);
	return results[count++].shape;
}

void
seam_routine(FmgrInfo *out, const char *name, const Oid *types, int count)
{
	List *qualified = list_make2(makeString("auth"), makeString(pstrdup(name)));

	fmgr_info(LookupFuncName(qualified, count, types, false), out);
}
