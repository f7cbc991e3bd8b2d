/*
 * Descriptors on Kore's loop. Level-triggered, because libpq does not read until EAGAIN, and told
 * about a hang-up by the reading itself, because what the peer said last comes before it.
 */
#include <kore/kore.h>

#include "loop.h"

_Static_assert(
    sizeof(struct kore_event) <= sizeof(((struct loop_watch *)0)->event), "kore_event fits");

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

uint64_t
loop_now_ms(void)
{
	return kore_time_ms();
}
