/* Reading rows by their unique index; see row.h. */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/relscan.h"
#include "access/stratnum.h"
#include "access/table.h"
#include "access/tableam.h"
#include "catalog.h"
#include "catalog/namespace.h"
#include "compat.h"
#include "executor/tuptable.h"
#include "row.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/typcache.h"

static void open_both(struct row_source *source, Relation *table, Relation *index);
static void look_up(struct row_source *source);
static void look_up_columns(struct row_source *source, Relation table);
static int position_of(TupleDesc shape, const char *name);
static void take_apart(struct row *out, TupleDesc shape);

bool
row_find(struct row *out, struct row_source *source, Datum key)
{
	Relation table, index;
	TupleTableSlot *slot;
	IndexScanDesc scan;
	ScanKeyData where;
	bool found;

	open_both(source, &table, &index);
	slot = table_slot_create(table, NULL);
	scan = begin_index_scan(table, index, GetActiveSnapshot(), 1);
	ScanKeyEntryInitialize(&where, 0, 1, BTEqualStrategyNumber, InvalidOid,
	    index->rd_indcollation[0], source->key_equals, key);
	index_rescan(scan, &where, 1, NULL, 0);
	found = index_getnext_slot(scan, ForwardScanDirection, slot);
	if (found) {
		out->source = source;
		out->tuple = ExecCopySlotHeapTuple(slot);
		take_apart(out, RelationGetDescr(table));
	}
	index_endscan(scan);
	ExecDropSingleTupleTableSlot(slot);
	index_close(index, NoLock); /* kept to the end of the transaction, as the executor does */
	table_close(table, NoLock);
	return found;
}

/* What was looked up is true if nothing had changed when both were locked. */
static void
open_both(struct row_source *source, Relation *table, Relation *index)
{
	for (;;) {
		uint64 version = catalog_version();

		if (source->version != version)
			look_up(source);
		*table = table_open(source->table_oid, AccessShareLock);
		*index = index_open(source->index_oid, AccessShareLock);
		if (catalog_version() == version)
			break;
		index_close(*index, AccessShareLock);
		table_close(*table, AccessShareLock);
	}
	if (source->version != catalog_version())
		look_up_columns(source, *table);
}

static void
look_up(struct row_source *source)
{
	Oid schema = get_namespace_oid("auth", false);

	source->version = 0; /* until the columns are */
	source->table_oid = get_relname_relid(source->table, schema);
	source->index_oid = get_relname_relid(source->index, schema);
}

static void
look_up_columns(struct row_source *source, Relation table)
{
	TupleDesc shape = RelationGetDescr(table);

	if (shape->natts > ROW_COLUMNS_MAX)
		elog(ERROR, "%s has more columns than expected", source->table);
	for (int i = 0; source->columns[i] != NULL; i++) {
		source->positions[i] = position_of(shape, source->columns[i]);
		source->types[i] = TupleDescAttr(shape, source->positions[i])->atttypid;
	}
	source->row_type = table->rd_rel->reltype;
	source->version = catalog_version();
}

static int
position_of(TupleDesc shape, const char *name)
{
	for (int i = 0; i < shape->natts; i++)
		if (strcmp(NameStr(TupleDescAttr(shape, i)->attname), name) == 0)
			return i;
	elog(ERROR, "there is no column %s", name);
}

static void
take_apart(struct row *out, TupleDesc shape)
{
	Datum values[ROW_COLUMNS_MAX];
	bool nulls[ROW_COLUMNS_MAX];

	heap_deform_tuple(out->tuple, shape, values, nulls);
	for (int i = 0; out->source->columns[i] != NULL; i++) {
		out->values[i] = values[out->source->positions[i]];
		out->nulls[i] = nulls[out->source->positions[i]];
	}
}

Datum
row_datum(const struct row *row)
{
	TupleDesc shape = lookup_rowtype_tupdesc(row->source->row_type, -1);
	Datum datum = heap_copy_tuple_as_datum(row->tuple, shape);

	ReleaseTupleDesc(shape);
	return datum;
}
