/*
 * Passwords on a thread: they cost some 20 ms each by design.
 */
#include "jobs/password_job.h"

#include "config.h"
#include "preload/hash_memory.h"

static void check(struct password_checking *work);
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
password_checking_prepare(
    struct request *r, struct password_checking *work, struct str plain, struct str stored)
{
	*work = (struct password_checking){
	    .plain = plain,
	    .stored = arena_copy(&r->arena, stored),
	    .params = config.password,
	    .hash = arena_buf(&r->arena, PASSWORD_HASH_MAX),
	};
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

void
password_check_work(void *state)
{
	struct password_checking *work = state;

	keep_memory(true);
	check(work);
	keep_memory(false);
}

static void
check(struct password_checking *work)
{
	if (work->stored.p == NULL) {
		password_verify_dummy(work->plain, work->params);
		return;
	}
	work->verified = password_verify(work->stored, work->plain);
	/* A rehash that fails is tried again at the next sign-in: the old hash still verifies. */
	if (work->verified && password_needs_rehash(work->stored, work->params) &&
	    !password_hash(&work->hash, work->plain, work->params))
		buf_wipe(&work->hash);
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
