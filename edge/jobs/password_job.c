/*
 * Passwords on a thread: they cost some 20 ms each by design.
 */
#include "jobs/password_job.h"

#include "config.h"
#include "http/reply.h"
#include "preload/hash_memory.h"

static void keep_memory(bool on);

void
password_hashing_prepare(struct request *r, struct password_hashing *work, struct str plain,
    struct str address, struct str name)
{
	size_t count = 0;

	*work = (struct password_hashing){
	    .plain = plain,
	    .guessable_allowed = config.password_guessable_allowed,
	    .params = config.password,
	    .hash = arena_buf(&r->arena, PASSWORD_HASH_MAX),
	};
	work->words[count++] = "mana";
	if (address.len > 0)
		work->words[count++] = arena_cstr(&r->arena, address);
	if (name.len > 0)
		work->words[count++] = arena_cstr(&r->arena, name);
	work->words[count] = NULL;
}

void
password_proof_prepare(
    struct request *r, struct password_proof *work, struct str plain, struct str challenge)
{
	*work = (struct password_proof){
	    .plain = plain,
	    .challenge = arena_copy(&r->arena, challenge),
	    .params = config.password,
	    .hash = arena_buf(&r->arena, PASSWORD_HASH_MAX),
	};
}

struct db_arg
password_proof_arg(const struct password_proof *work)
{
	return work->output_count > 0 ? db_bytes(work->output, work->output_count) : db_null();
}

bool
password_proof_is_stale(const struct request *r)
{
	return row_count(r->answer) == 1 &&
	       str_equal(row_text(r->answer, 0, REPLY_REFUSAL), STR("PASSWORD_CHALLENGE_STALE"));
}

void
password_hash_work(void *state)
{
	struct password_hashing *work = state;

	work->guessable = !work->guessable_allowed && password_guessable(work->plain, work->words);
	keep_memory(true);
	work->hashed = !work->guessable && password_hash(&work->hash, work->plain, work->params);
	keep_memory(false);
}

/* A rehash is made whether or not the password is right, which only the database will know. One
 * that fails is tried at the next sign-in: the old hash still verifies. */
void
password_proof_work(void *state)
{
	struct password_proof *work = state;

	keep_memory(true);
	if (!password_output(work->output, &work->output_count, work->challenge, work->plain))
		work->output_count = 0;
	if (work->is_rehashing && work->output_count > 0 &&
	    password_needs_rehash(work->challenge, work->params) &&
	    !password_hash(&work->hash, work->plain, work->params))
		buf_wipe(&work->hash);
	keep_memory(false);
}

static void
keep_memory(bool on)
{
	if (hash_memory_keep != NULL)
		hash_memory_keep(on);
}

void
password_memory_release(void)
{
	if (hash_memory_release != NULL)
		hash_memory_release();
}

size_t
password_units(struct str plain)
{
	size_t units = 0;

	for (size_t i = 0; i < plain.len; i++) {
		unsigned char c = (unsigned char)plain.p[i];

		if ((c & 0xc0) != 0x80)
			units += c >= 0xf0 ? 2 : 1; /* beyond U+FFFF: a surrogate pair */
	}
	return units;
}
