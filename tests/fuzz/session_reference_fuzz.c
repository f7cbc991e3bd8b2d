/* References to sessions, `id.proof`: only the proof of the id itself is taken, and what follows is
 * the id alone. (Without a proof a reference is the id; the setting that refuses it is off here.)
 */
#include "backend.h"

#include "shared_key.h"
#include "session_proof.h"

enum { REFERENCE_BYTES = 4096 };

/* shared_key.c, without its table */
const crypto_auth_hmacsha256_state *
shared_key(struct shared_key *key)
{
	static crypto_auth_hmacsha256_state state;
	static bool started;

	if (!started)
		crypto_auth_hmacsha256_init(
		    &state, (const unsigned char *)"0123456789abcdef0123456789abcdef", 32);
	started = true;
	return &state;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str text = {(const char *)data, size}, id, proof;
	char wanted[SESSION_PROOF_CHARS + 1], memory[REFERENCE_BYTES + SESSION_PROOF_CHARS + 2];
	struct str whole = {memory, size + 1 + SESSION_PROOF_CHARS};
	Datum found;

	if (size > REFERENCE_BYTES)
		return 0;
	if (!str_cut(&id, &proof, text, '.')) {
		REQUIRE(session_reference_read(&found, backend_text(text)) &&
			str_equal(backend_bytes(found), text));
		REQUIRE(session_proof(wanted, text.p, text.len) &&
			strlen(wanted) == SESSION_PROOF_CHARS);
		memcpy(memory, text.p, text.len);
		memory[size] = '.';
		memcpy(memory + size + 1, wanted, SESSION_PROOF_CHARS);
		REQUIRE(session_reference_read(&found, backend_text(whole)) &&
			str_equal(backend_bytes(found), text));
		memory[whole.len - 1] ^= 1;
		REQUIRE(!session_reference_read(&found, backend_text(whole)));
		whole.len--;
		REQUIRE(!session_reference_read(&found, backend_text(whole)));
	} else if (session_reference_read(&found, backend_text(text))) {
		REQUIRE(session_proof(wanted, id.p, id.len) && str_equal(proof, str_from(wanted)));
		REQUIRE(str_equal(backend_bytes(found), id));
	}
	backend_reset();
	return 0;
}
