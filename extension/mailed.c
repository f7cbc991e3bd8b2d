/*
 * Bounds of what goes into mails, for SQL: the same as those of the edge's body schemas
 * (common/mailed.h, common/email.h).
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "email.h"
#include "fmgr.h"
#include "mailed.h"
#include "utils/array.h"
#include "compat.h"

PG_FUNCTION_INFO_V1(mana_email_is_valid);
PG_FUNCTION_INFO_V1(mana_mail_inputs_fit);

static struct str slice(const text *t);

/* auth.email_is_valid(address) */
Datum
mana_email_is_valid(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(email_valid(slice(PG_GETARG_TEXT_PP(0))));
}

/* auth.mail_inputs_fit(name, VARIADIC urls): NULLs have no length. */
Datum
mana_mail_inputs_fit(PG_FUNCTION_ARGS)
{
	size_t bytes = 0;
	Datum *urls;
	bool *nulls;
	int count;

	if (!PG_ARGISNULL(0) && mailed_units(slice(PG_GETARG_TEXT_PP(0))) > MAILED_NAME_MAX)
		PG_RETURN_BOOL(false);
	if (PG_ARGISNULL(1))
		PG_RETURN_BOOL(true);
	deconstruct_array(
	    PG_GETARG_ARRAYTYPE_P(1), TEXTOID, -1, false, TYPALIGN_INT, &urls, &nulls, &count);
	for (int i = 0; i < count; i++)
		if (!nulls[i])
			bytes += mailed_url_bytes(slice(DatumGetTextPP(urls[i])));
	PG_RETURN_BOOL(bytes <= MAILED_URLS_MAX);
}

static struct str
slice(const text *t)
{
	return (struct str){VARDATA_ANY(t), VARSIZE_ANY_EXHDR(t)};
}
