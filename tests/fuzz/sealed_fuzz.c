/* Sealed values and wraps of master keys: CONTEXT, newline, PLAIN. What was sealed opens in its own
 * context alone, also under the next key; one bit more or less, and what a stranger wrote, do not.
 */
#include "backend.h"

#include "kek.h"
#include "seal.h"
#include "wrap.h"

extern Datum mana_unseal_or_null(PG_FUNCTION_ARGS);
extern Datum mana_reseal(PG_FUNCTION_ARGS);

static const struct kek ring[] = {
    {.id = "env-v1", .key = {1, 2, 3}}, {.id = "k2", .key = {4, 5, 6}}};
static const struct kek *active = &ring[0];

/* kek.c, without its file */
const struct kek *
kek_active(void)
{
	return active;
}

const struct kek *
kek_find(const char *id)
{
	for (size_t i = 0; i < lengthof(ring); i++)
		if (strcmp(ring[i].id, id) == 0)
			return &ring[i];
	return NULL;
}

static bool
call(Datum *result, PGFunction function, struct str value, struct str context)
{
	const Datum arguments[] = {backend_text(value), backend_text(context)};

	return backend_call(result, function, 2, arguments);
}

static void
check_sealed(struct str context, struct str plain, size_t flip)
{
	Datum made, opened, moved;
	struct str sealed;

	active = &ring[0];
	REQUIRE(call(&made, mana_seal, plain, context));
	sealed = backend_bytes(made);
	REQUIRE(
	    call(&opened, mana_unseal, sealed, context) && str_equal(backend_bytes(opened), plain));
	REQUIRE(!call(&opened, mana_unseal_or_null, sealed, STR("another context")) ||
		str_equal(context, STR("another context")));
	active = &ring[1];
	REQUIRE(
	    call(&moved, mana_reseal, sealed, context) && !str_equal(backend_bytes(moved), sealed));
	REQUIRE(call(&opened, mana_unseal, backend_bytes(moved), context) &&
		str_equal(backend_bytes(opened), plain));
	((char *)sealed.p)[flip / 8 % sealed.len] ^= (char)(1 << flip % 8);
	REQUIRE(!call(&opened, mana_unseal, sealed, context) &&
		!call(&opened, mana_unseal_or_null, sealed, context));
}

/* MASTER_KEY_BYTES of the plain text, as a vault's key. */
static void
check_wrap(struct str plain, size_t flip)
{
	unsigned char key[MASTER_KEY_BYTES] = {0}, opened[MASTER_KEY_BYTES];
	struct wrap wrap = {.format_version = 0};

	memcpy(key, plain.p, Min(plain.len, sizeof(key)));
	active = &ring[0];
	wrap_seal(&wrap, key, "user-1");
	wrap_commit(wrap.commitment, key, "user-1");
	wrap.has_commitment = true;
	REQUIRE(wrap_open(opened, &wrap, "user-1") && memcmp(opened, key, sizeof(key)) == 0);
	REQUIRE(!wrap_open(opened, &wrap, "user-2"));
	wrap.was_opened = false;
	wrap.commitment[flip / 8 % COMMITMENT_BYTES] ^= (unsigned char)(1 << flip % 8);
	REQUIRE(!wrap_open(opened, &wrap, "user-1"));
}

/* What stands in a row, if a stranger wrote it. */
static void
check_strange(struct str value)
{
	unsigned char opened[MASTER_KEY_BYTES], nothing[MASTER_KEY_BYTES] = {0};
	struct wrap wrap = {.format_version = 1 + (int)(value.len % 2), .kek_id = "env-v1"};
	Datum result;

	REQUIRE(!call(&result, mana_unseal_or_null, value, STR("context")));
	memcpy(wrap.wrapped_mk, value.p, Min(value.len, WRAP_CHARS));
	memcpy(wrap.wrap_iv, value.p, Min(value.len, WRAP_IV_CHARS));
	REQUIRE(
	    !wrap_open(opened, &wrap, "user-1") && memcmp(opened, nothing, sizeof(opened)) == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str text = {(const char *)data, size}, context, plain;

	if (str_cut(&context, &plain, text, '\n')) {
		size_t flip = size > 2 ? data[0] * 256u + data[1] : size;

		check_sealed(context, plain, flip);
		check_wrap(plain, flip);
	}
	check_strange(text);
	backend_reset();
	return 0;
}
