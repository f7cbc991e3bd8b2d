/*
 * Work that would stop the event loop, done on a thread: hashing passwords, speaking to other
 * servers. The function sees `state` and nothing else; state lies in the request's arena, which
 * outlives the job even when the client leaves. So a job needs no copies, and must not touch the
 * request.
 */
#ifndef MANA_JOB_H
#define MANA_JOB_H

#include "http/request.h"

enum job_pool {
	JOB_HASH,    /* HASH_THREADS threads; a bounded queue */
	JOB_NETWORK, /* one thread, for mail */
	JOB_HTTP,    /* two threads, for other services (http_fetch.h) */
	JOB_POOLS
};

/* Runs on the thread. */
typedef void job_fn(void *state);

/* Runs work(state) on a thread, then the next step on the loop. Answers 503 with Retry-After when
 * the queue is full (a background task ends). */
enum step job_run(struct request *r, enum job_pool pool, job_fn *work, void *state, step_fn *next);

#endif
