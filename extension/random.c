/* Ids and one-time tokens: letters and digits from the server's strong random source, without bias.
 * Keys and salts: bytes from the same source.
 */
#include "postgres.h"

#include "random.h"
#include "utils/builtins.h"
#include "compat.h"

PG_FUNCTION_INFO_V1(mana_random_id);
PG_FUNCTION_INFO_V1(mana_random_bytes);

#define ALPHABET  "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
#define LETTERS   (sizeof(ALPHABET) - 1)
#define UNBIASED  (256 / LETTERS * LETTERS) /* bytes from here on are thrown away */
#define LEN_MIN   16
#define LEN_MAX   256
#define BYTES_MAX 1024

static unsigned char next_byte(void);

Datum
mana_random_id(PG_FUNCTION_ARGS)
{
	int32 len = PG_GETARG_INT32(0);
	text *id;
	char *at;

	if (len < LEN_MIN || len > LEN_MAX)
		ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE),
		    errmsg("the length of an id must be between %d and %d", LEN_MIN, LEN_MAX));
	id = palloc(VARHDRSZ + len);
	SET_VARSIZE(id, VARHDRSZ + len);
	at = VARDATA(id);
	while (at < VARDATA(id) + len) {
		unsigned char byte = next_byte();

		if (byte < UNBIASED)
			*at++ = ALPHABET[byte % LETTERS];
	}
	PG_RETURN_TEXT_P(id);
}

Datum
mana_random_bytes(PG_FUNCTION_ARGS)
{
	int32 len = PG_GETARG_INT32(0);
	bytea *bytes;

	if (len < 1 || len > BYTES_MAX)
		ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE),
		    errmsg("the number of random bytes must be between 1 and %d", BYTES_MAX));
	bytes = palloc(VARHDRSZ + len);
	SET_VARSIZE(bytes, VARHDRSZ + len);
	if (!pg_strong_random(VARDATA(bytes), len))
		ereport(
		    ERROR, errcode(ERRCODE_INTERNAL_ERROR), errmsg("could not get random bytes"));
	PG_RETURN_BYTEA_P(bytes);
}

/* From a store that is filled at once, since asking for few bytes costs as much as for many. What
 * was given is not kept. */
static unsigned char
next_byte(void)
{
	static unsigned char store[1024];
	static size_t left;
	unsigned char byte;

	if (left == 0) {
		if (!pg_strong_random(store, sizeof(store)))
			ereport(ERROR, errcode(ERRCODE_INTERNAL_ERROR),
			    errmsg("could not get random bytes"));
		left = sizeof(store);
	}
	byte = store[--left];
	store[left] = 0;
	return byte;
}
