/* Proofs of sessions (session_proof.h). */
#include "postgres.h"

#include "compat.h"
#include "session_proof.h"
#include "shared_key.h"
#include "utils/builtins.h"
#include "utils/guc.h"

PG_FUNCTION_INFO_V1(mana_session_proof);
PG_FUNCTION_INFO_V1(mana_session_reference_id);

#define PROOF_BYTES 16
#define PROOF_LABEL "mana.session.proof.v1" /* with its NUL, as each id: none continues another */

static bool proof_required;

static void add_text(crypto_auth_hmacsha256_state *state, Datum value);

void
session_proof_define_settings(void)
{
	DefineCustomBoolVariable("mana_auth.session_proof",
	    "Refuses access JWTs without the proof of their session.",
	    "Off only while edges of version 1.0 are still running: they do not pass the proof on.",
	    &proof_required, true, PGC_SUSET, 0, NULL, NULL, NULL);
}

bool
session_proof(char out[static SESSION_PROOF_CHARS + 1], Datum id, Datum user_id)
{
	static struct shared_key key = {.routine = "session_proof_key"};
	const crypto_auth_hmacsha256_state *keyed = shared_key(&key);
	crypto_auth_hmacsha256_state state;
	unsigned char mac[crypto_auth_hmacsha256_BYTES];

	out[0] = '\0';
	if (keyed == NULL)
		return false;
	memcpy(&state, keyed, sizeof(state));
	crypto_auth_hmacsha256_update(
	    &state, (const unsigned char *)PROOF_LABEL, sizeof(PROOF_LABEL));
	add_text(&state, id);
	add_text(&state, user_id);
	crypto_auth_hmacsha256_final(&state, mac);
	sodium_memzero(&state, sizeof(state));
	sodium_bin2base64(out, SESSION_PROOF_CHARS + 1, mac, PROOF_BYTES,
	    sodium_base64_VARIANT_URLSAFE_NO_PADDING);
	sodium_memzero(mac, sizeof(mac));
	return true;
}

/* With a NUL at its end, which text cannot contain. */
static void
add_text(crypto_auth_hmacsha256_state *state, Datum value)
{
	const text *given = DatumGetTextPP(value);

	crypto_auth_hmacsha256_update(
	    state, (const unsigned char *)VARDATA_ANY(given), VARSIZE_ANY_EXHDR(given));
	crypto_auth_hmacsha256_update(state, (const unsigned char *)"", 1);
}

bool
session_reference_read(Datum *id, Datum reference, Datum user_id)
{
	const text *given = DatumGetTextPP(reference);
	const char *chars = VARDATA_ANY(given);
	size_t length = VARSIZE_ANY_EXHDR(given);
	const char *dot = memchr(chars, '.', length);
	char proof[SESSION_PROOF_CHARS + 1];
	bool right;

	if (dot == NULL) {
		*id = reference;
		return !proof_required;
	}
	*id = PointerGetDatum(cstring_to_text_with_len(chars, (int)(dot - chars)));
	right = session_proof(proof, *id, user_id) &&
		chars + length - (dot + 1) == SESSION_PROOF_CHARS &&
		sodium_memcmp(proof, dot + 1, SESSION_PROOF_CHARS) == 0;
	sodium_memzero(proof, sizeof(proof));
	return right;
}

/* auth.session_proof(session_id, user_id) */
Datum
mana_session_proof(PG_FUNCTION_ARGS)
{
	char proof[SESSION_PROOF_CHARS + 1];

	if (!session_proof(proof, PG_GETARG_DATUM(0), PG_GETARG_DATUM(1)))
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text(proof));
}

/* auth.session_reference_id(reference, user_id) */
Datum
mana_session_reference_id(PG_FUNCTION_ARGS)
{
	Datum id;

	if (!session_reference_read(&id, PG_GETARG_DATUM(0), PG_GETARG_DATUM(1)))
		PG_RETURN_NULL();
	PG_RETURN_DATUM(id);
}
