/*
 * What a thread does with passwords: judge and hash a new one, verify an old one. Each is the state
 * of a job (job_run(r, JOB_HASH, password_hash_work, &state, next)).
 */
#ifndef MANA_PASSWORD_JOB_H
#define MANA_PASSWORD_JOB_H

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

/* A password that somebody presents. */
struct password_checking {
	struct str plain;
	struct str stored; /* STR_NONE: no such account; costs the same */
	struct password_params params;
	bool verified;   /* result */
	struct buf hash; /* result: not empty if the stored one should be written anew */
};

/* Fills a hashing from the configuration; address and name, which may be STR_NONE, are refused as
 * passwords. */
void password_hashing_prepare(struct request *r, struct password_hashing *work, struct str plain,
    struct str address, struct str name);
/* Fills a checking. */
void password_checking_prepare(
    struct request *r, struct password_checking *work, struct str plain, struct str stored);

/* Run on the thread. */
void password_hash_work(void *state);
void password_check_work(void *state);
/* On the thread, when it has been idle: gives back the memory that the next hash would have used.
 */
void password_memory_release(void);

/* How many UTF-16 code units a UTF-8 text has: JavaScript's length, in which limits are given. */
size_t password_units(struct str plain);

#endif
