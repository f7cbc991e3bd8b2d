/*
 * Threads beside the event loop (job.h): a bounded queue a pool; what is done comes back over a
 * list and an eventfd that wakes the loop. Kore's own tasks are not used: their queue has no bound,
 * and a spurious wake-up ends their thread. Threads are made with the first job, so that a worker
 * that hashes nothing holds no stacks.
 */
#include "jobs/job.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "config.h"
#include "http/private.h"
#include "http/reply.h"
#include "jobs/password_job.h"
#include "jobs/threads.h"
#include "log.h"
#include "loop.h"

enum { STACK_BYTES = 512 * 1024, NETWORK_QUEUE = 64, FULL_RETRY_SECONDS = 2, IDLE_SECONDS = 1 };

struct queue {
	struct request *first, *last;
};

struct pool {
	pthread_mutex_t lock;
	pthread_cond_t filled;
	struct queue queue;
	int queue_max;
	int threads_max;
	int threads;
	void (*idle)(void); /* on a thread without a job for IDLE_SECONDS; NULL: nothing */
	int under_way;      /* queued, running, or done and not yet collected; the loop's */
};

static struct pool pools[JOB_POOLS];
static pthread_mutex_t done_lock = PTHREAD_MUTEX_INITIALIZER;
static struct queue done;
static struct loop_watch done_watch = {.fd = -1};
static int done_event = -1;

static void add_thread(struct pool *pool);
static void *thread_main(void *pool);
static struct request *next_job(struct pool *pool);
static void collect(struct loop_watch *watch);
static void push(struct queue *queue, struct request *r);
static struct request *pop(struct queue *queue);

void
threads_start(void)
{
	pools[JOB_HASH] = (struct pool){.threads_max = (int)config.hash_threads,
	    .queue_max = (int)config.hash_queue,
	    .idle = password_memory_release};
	pools[JOB_NETWORK] = (struct pool){.threads_max = 1, .queue_max = NETWORK_QUEUE};
	pools[JOB_HTTP] = (struct pool){.threads_max = 2, .queue_max = NETWORK_QUEUE};
	for (int i = 0; i < JOB_POOLS; i++) {
		pthread_mutex_init(&pools[i].lock, NULL);
		pthread_cond_init(&pools[i].filled, NULL);
	}
	done_event = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (done_event == -1)
		abort();
	done_watch.ready = collect;
	loop_watch_read(&done_watch, done_event);
}

bool
threads_busy(void)
{
	for (int i = 0; i < JOB_POOLS; i++)
		if (pools[i].under_way > 0)
			return true;
	return false;
}

enum step
job_run(struct request *r, enum job_pool which, job_fn *work, void *state, step_fn *next)
{
	struct request_private *p = r->private;
	struct pool *pool = &pools[which];

	if (pool->under_way >= pool->queue_max + pool->threads_max) {
		log_request_event(r, LOG_WARNING_LEVEL, "jobs", "the queue is full", NULL, NULL);
		return reply_refusal(r, ERR_SERVICE_UNAVAILABLE, STR_NONE, FULL_RETRY_SECONDS);
	}
	p->job = work;
	p->job_state = state;
	p->job_pool = (int)which;
	p->next = next;
	p->waiting = true;
	if (pool->threads < pool->threads_max)
		add_thread(pool);
	pool->under_way++;
	pthread_mutex_lock(&pool->lock);
	push(&pool->queue, r);
	pthread_cond_signal(&pool->filled);
	pthread_mutex_unlock(&pool->lock);
	return STEP_WAIT;
}

/* Signals are the loop's: threads take none. */
static void
add_thread(struct pool *pool)
{
	pthread_attr_t attributes;
	sigset_t all, before;
	pthread_t thread;

	sigfillset(&all);
	pthread_attr_init(&attributes);
	pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&attributes, STACK_BYTES);
	pthread_sigmask(SIG_BLOCK, &all, &before);
	if (pthread_create(&thread, &attributes, thread_main, pool) == 0)
		pool->threads++;
	else if (pool->threads == 0)
		abort();
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	pthread_attr_destroy(&attributes);
}

static void *
thread_main(void *arg)
{
	struct pool *pool = arg;

	for (;;) {
		const uint64_t one = 1;
		struct request *r = next_job(pool);
		ssize_t written;

		r->private->job(r->private->job_state);

		pthread_mutex_lock(&done_lock);
		push(&done, r);
		pthread_mutex_unlock(&done_lock);
		do
			written = write(done_event, &one, sizeof(one));
		while (written == -1 && errno == EINTR);
	}
	return NULL;
}

static struct request *
next_job(struct pool *pool)
{
	struct timespec idle_at;
	struct request *r;
	bool idle = false;

	clock_gettime(CLOCK_REALTIME, &idle_at);
	idle_at.tv_sec += IDLE_SECONDS;
	pthread_mutex_lock(&pool->lock);
	while (pool->queue.first == NULL) {
		if (idle || pool->idle == NULL) {
			pthread_cond_wait(&pool->filled, &pool->lock);
		} else if (pthread_cond_timedwait(&pool->filled, &pool->lock, &idle_at) ==
			   ETIMEDOUT) {
			idle = true;
			pthread_mutex_unlock(&pool->lock);
			pool->idle();
			pthread_mutex_lock(&pool->lock);
		}
	}
	r = pop(&pool->queue);
	pthread_mutex_unlock(&pool->lock);
	return r;
}

/* On the loop: what was awaited has ended. */
static void
collect(struct loop_watch *watch)
{
	struct request *r;
	uint64_t count;
	ssize_t got = read(watch->fd, &count, sizeof(count));

	(void)got; /* EAGAIN: collected before */
	for (;;) {
		pthread_mutex_lock(&done_lock);
		r = pop(&done);
		pthread_mutex_unlock(&done_lock);
		if (r == NULL)
			return;
		pools[r->private->job_pool].under_way--;
		request_resume(r);
	}
}

static void
push(struct queue *queue, struct request *r)
{
	r->private->next_job = NULL;
	if (queue->first == NULL)
		queue->first = r;
	else
		queue->last->private->next_job = r;
	queue->last = r;
}

static struct request *
pop(struct queue *queue)
{
	struct request *r = queue->first;

	if (r != NULL)
		queue->first = r->private->next_job;
	return r;
}
