/* Finding the routines of schema auth; see seam.h. */
#include "postgres.h"

#include "compat.h"
#include "nodes/pg_list.h"
#include "nodes/value.h"
#include "parser/parse_func.h"
#include "seam.h"

void
seam_routine(FmgrInfo *out, const char *name, const Oid *types, int count)
{
	List *qualified = list_make2(makeString("auth"), makeString(pstrdup(name)));

	fmgr_info(LookupFuncName(qualified, count, types, false), out);
}
