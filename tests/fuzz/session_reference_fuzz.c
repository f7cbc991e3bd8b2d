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

static bool
read(Datum *found, struct str reference, const char *user_id)
{
	return session_reference_read(
	    found, backend_text(reference), backend_text(str_from(user_id)));
}

static void
prove(char proof[static SESSION_PROOF_CHARS + 1], struct str id)
{
	REQUIRE(session_proof(proof, backend_text(id), backend_text(STR("user-1"))));
	REQUIRE(strlen(proof) == SESSION_PROOF_CHARS);
}

/* An id with its proof: good for its user, and not after the smallest change. */
static void
check_id(struct str id)
{
	char proof[SESSION_PROOF_CHARS + 1], memory[REFERENCE_BYTES + SESSION_PROOF_CHARS + 2];
	struct str whole = {memory, id.len + 1 + SESSION_PROOF_CHARS};
	Datum found;

	REQUIRE(read(&found, id, "user-1") && str_equal(backend_bytes(found), id));
	prove(proof, id);
	memcpy(memory, id.p, id.len);
	memory[id.len] = '.';
	memcpy(memory + id.len + 1, proof, SESSION_PROOF_CHARS);
	REQUIRE(read(&found, whole, "user-1") && str_equal(backend_bytes(found), id));
	REQUIRE(!read(&found, whole, "user-2"));
	memory[whole.len - 1] ^= 1;
	REQUIRE(!read(&found, whole, "user-1"));
	whole.len--;
	REQUIRE(!read(&found, whole, "user-1"));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str text = {(const char *)data, size}, id, given;
	char proof[SESSION_PROOF_CHARS + 1];
	Datum found;

	if (size > REFERENCE_BYTES || memchr(data, '\0', size) != NULL)
		return 0; /* PostgreSQL's text has no NUL */
	if (!str_cut(&id, &given, text, '.')) {
		check_id(text);
	} else if (read(&found, text, "user-1")) {
		prove(proof, id);
		REQUIRE(str_equal(given, str_from(proof)) && str_equal(backend_bytes(found), id));
	}
	backend_reset();
	return 0;
}
