/*
 * Descriptors on Kore's loop. Those of the database and the threads are level-triggered, because
 * libpq does not read until EAGAIN, and told about a hang-up by the reading itself, because what
 * the peer said last comes before it.
 */
#include <kore/kore.h>

#include "loop.h"

_Static_assert(
    sizeof(struct kore_event) <= sizeof(((struct loop_watch *)0)->event), "kore_event fits");
_Static_assert(
    sizeof(struct kore_event) <= sizeof(((struct loop_socket *)0)->event), "kore_event fits");

static void watch(struct loop_watch *w, int fd, bool for_writing);

static void
on_event(void *arg, int error)
{
	struct loop_watch *w = arg;

	(void)error;
	((struct kore_event *)w->event)->flags = 0;
	if (w->fd != -1)
		w->ready(w);
}

void
loop_watch_read(struct loop_watch *w, int fd)
{
	watch(w, fd, false);
}

void
loop_watch_both(struct loop_watch *w, int fd)
{
	watch(w, fd, true);
}

static void
watch(struct loop_watch *w, int fd, bool for_writing)
{
	struct kore_event *event = (struct kore_event *)w->event;

	if (w->fd == fd && w->for_writing == for_writing)
		return;
	event->handle = on_event;
	w->fd = fd;
	w->for_writing = for_writing;
	if (for_writing)
		kore_platform_event_level_all(fd, w);
	else
		kore_platform_event_level_read(fd, w);
}

void
loop_forget(struct loop_watch *w)
{
	if (w->fd != -1)
		kore_platform_disable_read(w->fd);
	w->fd = -1;
}

void
loop_forget_closed(struct loop_watch *w)
{
	w->fd = -1;
}

static void
on_change(void *arg, int error)
{
	struct loop_socket *s = arg;
	struct kore_event *event = (struct kore_event *)s->event;
	unsigned int changes = error ? LOOP_ENDED : 0;

	if (event->flags & KORE_EVENT_READ)
		changes |= LOOP_READABLE;
	if (event->flags & KORE_EVENT_WRITE)
		changes |= LOOP_WRITABLE;
	event->flags = 0;
	if (s->fd != -1)
		s->changed(s, changes);
}

void
loop_watch_socket(struct loop_socket *s)
{
	struct kore_event *event = (struct kore_event *)s->event;

	event->handle = on_change;
	kore_platform_event_all(s->fd, s);
}

static void
on_soon(void *act, u_int64_t now)
{
	void (*function)(void) = *(void (**)(void))act;

	(void)now;
	kore_free(act);
	function();
}

void
loop_soon(void (*act)(void))
{
	void (**memory)(void) = kore_malloc(sizeof(act));

	*memory = act;
	kore_timer_add(on_soon, 0, memory, KORE_TIMER_ONESHOT);
}

uint64_t
loop_now_ms(void)
{
	return kore_time_ms();
}
