/* Lines of calls; see line.h. A call is in one line at most. */
#include "db/line.h"

void
line_append(struct line *line, struct request *r)
{
	r->private->call.next = NULL;
	if (line->first == NULL)
		line->first = r;
	else
		line->last->private->call.next = r;
	line->last = r;
	line->count++;
}

struct request *
line_take(struct line *line)
{
	struct request *r = line->first;

	line->first = r->private->call.next;
	line->count--;
	return r;
}

struct request *
line_take_behind(struct line *line, struct request *before)
{
	struct request *r;

	if (before == NULL)
		return line_take(line);
	r = before->private->call.next;
	before->private->call.next = r->private->call.next;
	if (line->last == r)
		line->last = before;
	line->count--;
	return r;
}

void
line_replace(struct line *line, struct request *before, struct request *r, struct request *other)
{
	other->private->call.next = r->private->call.next;
	if (before == NULL)
		line->first = other;
	else
		before->private->call.next = other;
	if (line->last == r)
		line->last = other;
}
