/*
 * The signals that tell a worker to stop. Kore 4.1.0 forgets one that comes between the fork of a
 * worker and the handlers that the worker sets, and its parent then waits for that worker for ever.
 * So they are held back over a fork, and delivered when our handlers are in place.
 */
#ifndef MANA_SIGNALS_H
#define MANA_SIGNALS_H

/* In the parent, before it forks. SIGHUP is ignored from then on, in workers too: Kore would load
 * the module anew under running threads and half-done requests. */
void signals_hold_over_forks(void);
/* In a worker, before its system calls are restricted: it stops when its parent dies, whose pipe it
 * would never see closed, for it holds the other end itself. */
void signals_follow_parent(void);
/* In a worker: SIGTERM, SIGINT and SIGQUIT, which Kore sends to itself when its parent has died. */
void signals_take(void (*handler)(int));

#endif
