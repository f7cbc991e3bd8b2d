/*
 * What a thread does with passwords: judge and hash a new one, compute the
 * output of one that is presented. Each is the state
 * of a job (job_run(r, JOB_HASH, password_hash_work, &state, next)).
 */
#ifndef MANA_PASSWORD_JOB_H
#define MANA_PASSWORD_JOB_H

#include "db/db.h"
#include "http/request.h"
#include "password.h"

enum { PASSWORD_WORDS_MAX = 4 };

/* A new password: is it guessable, and its hash if not. */
struct password_hashing {
	struct str plain;
	const char *words[PASSWORD_WORDS_MAX]; /* known to a guesser; NULL ends them */
	bool guessable_allowed;
	struct password_params params;
	bool guessable; /* result */
	bool hashed;    /* result; false and not guessable: memory was short or it is no UTF-8 */
	struct buf hash;
};

/* A password that somebody presents: the output that the database compares. */
struct password_proof {
	struct str plain;
	struct str challenge; /* of the database */
	struct password_params params;
	bool is_rehashing; /* where the challenge is of other parameters than a new hash */
	unsigned char output[PASSWORD_OUTPUT_MAX]; /* result */
	size_t output_count;                       /* result; 0: it could not be computed */
	struct buf hash; /* result: not empty if the stored one should be written again */
};

/* Fills a hashing from the configuration; address and name, which may be STR_NONE, are refused as
 * passwords. */
void password_hashing_prepare(struct request *r, struct password_hashing *work, struct str plain,
    struct str address, struct str name);
/* Fills a proof that writes no new hash. */
void password_proof_prepare(
    struct request *r, struct password_proof *work, struct str plain, struct str challenge);
/* Its output as an argument of a call; NULL where there is none. */
struct db_arg password_proof_arg(const struct password_proof *work);
/* Whether the database has compared nothing, because the hash behind the challenge was replaced:
 * look up and compute again. */
bool password_proof_is_stale(const struct request *r);

/* Run on the thread. */
void password_hash_work(void *state);
void password_proof_work(void *state);
/* On the thread, when it has been idle: gives back the memory that the next hash would have used.
 */
void password_memory_release(void);

/* How many UTF-16 code units a UTF-8 text has: JavaScript's length, in which limits are given. */
size_t password_units(struct str plain);

#endif
