/*
 * auth.jsonb_merged: a JSON merge of two objects at every depth, written once. Each level costs a
 * look-up for each member and one sort, so the work grows as n log n with the number of members.
 */
#include "postgres.h"

#include "fmgr.h"
#include "miscadmin.h"
#include "utils/jsonb.h"
#include "compat.h"

PG_FUNCTION_INFO_V1(mana_jsonb_merged);

static JsonbValue *push_merged(JsonbParseState **out, JsonbContainer *was, JsonbContainer *given);
static void
push_member(JsonbParseState **out, JsonbValue *key, JsonbValue *was_value, JsonbValue *given_value);
static bool is_object(const JsonbValue *value);

/* (was, given): an object that is given is merged into an object; anything else replaces `was`. */
Datum
mana_jsonb_merged(PG_FUNCTION_ARGS)
{
	JsonbParseState *out = NULL;
	Jsonb *was, *given;

	if (PG_ARGISNULL(1)) {
		if (PG_ARGISNULL(0))
			PG_RETURN_NULL();
		PG_RETURN_DATUM(PG_GETARG_DATUM(0));
	}
	given = PG_GETARG_JSONB_P(1);
	was = PG_ARGISNULL(0) ? NULL : PG_GETARG_JSONB_P(0);
	if (was == NULL || !JB_ROOT_IS_OBJECT(was) || !JB_ROOT_IS_OBJECT(given))
		PG_RETURN_JSONB_P(given);
	PG_RETURN_JSONB_P(JsonbValueToJsonb(push_merged(&out, &was->root, &given->root)));
}

/* Pushes one object; the result is that of its end. */
static JsonbValue *
push_merged(JsonbParseState **out, JsonbContainer *was, JsonbContainer *given)
{
	JsonbIterator *members;
	JsonbValue key, value;

	check_stack_depth();
	pushJsonbValue(out, WJB_BEGIN_OBJECT, NULL);
	members = JsonbIteratorInit(was);
	for (JsonbIteratorToken token = JsonbIteratorNext(&members, &key, true); token != WJB_DONE;
	     token = JsonbIteratorNext(&members, &key, true)) {
		if (token != WJB_KEY)
			continue;
		(void)JsonbIteratorNext(&members, &value, true);
		push_member(out, &key, &value,
		    getKeyJsonValueFromContainer(
			given, key.val.string.val, key.val.string.len, NULL));
	}
	members = JsonbIteratorInit(given);
	for (JsonbIteratorToken token = JsonbIteratorNext(&members, &key, true); token != WJB_DONE;
	     token = JsonbIteratorNext(&members, &key, true)) {
		if (token != WJB_KEY)
			continue;
		(void)JsonbIteratorNext(&members, &value, true);
		if (getKeyJsonValueFromContainer(
			was, key.val.string.val, key.val.string.len, NULL) == NULL)
			push_member(out, &key, NULL, &value);
	}
	return pushJsonbValue(out, WJB_END_OBJECT, NULL);
}

/* given_value NULL: the member stays as it was. */
static void
push_member(JsonbParseState **out, JsonbValue *key, JsonbValue *was_value, JsonbValue *given_value)
{
	pushJsonbValue(out, WJB_KEY, key);
	if (given_value == NULL)
		pushJsonbValue(out, WJB_VALUE, was_value);
	else if (was_value != NULL && is_object(was_value) && is_object(given_value))
		(void)push_merged(out, was_value->val.binary.data, given_value->val.binary.data);
	else
		pushJsonbValue(out, WJB_VALUE, given_value);
}

static bool
is_object(const JsonbValue *value)
{
	return value->type == jbvBinary && JsonContainerIsObject(value->val.binary.data);
}
