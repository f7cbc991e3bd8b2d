/* Lines of JSON, written whole, so that lines of several workers do not mix; see log.h. */
#include "log.h"

#include <pthread.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "config.h"
#include "http/match.h"
#include "routes.h"

enum { LINE_BYTES = 3072, VALUE_BYTES = 400, GATHERED_BYTES = 16 * 1024 };

static const char *const level_names[] = {"error", "warning", "info"};

static void begin(struct buf *line, enum log_level level, const char *part);
static pid_t own_pid(void);
static void forget_pid(void);
static void member(struct buf *line, const char *name, struct str value);
static void number(struct buf *line, const char *name, int64_t value);
static bool ended(struct buf *line);
static void write_out(const char *bytes, size_t count);

static _Atomic pid_t pid; /* 0: not asked yet */

/* Lines about answers that are not written yet. Job threads log events, too, but answer nothing. */
static _Thread_local char gathered[GATHERED_BYTES];
static _Thread_local size_t gathered_bytes;

void
log_event(
    enum log_level level, const char *part, const char *event, const char *what, const char *detail)
{
	log_request_event(NULL, level, part, event, what, detail);
}

void
log_request_event(const struct request *r, enum log_level level, const char *part,
    const char *event, const char *what, const char *detail)
{
	char memory[LINE_BYTES];
	struct buf line = BUF_ON(memory);

	begin(&line, level, part);
	if (r != NULL)
		member(&line, "request", str_from(r->id));
	member(&line, "event", str_from(event));
	member(&line, "what", str_from(what));
	member(&line, "detail", str_from(detail));
	log_flush();
	if (ended(&line))
		write_out(line.p, line.len);
}

void
log_answer(const struct request *r, int status, uint64_t took_ms, const char *what)
{
	char memory[LINE_BYTES];
	struct buf line = BUF_ON(memory);

	/* The 503 of a probe (/health/ready) is what it asks for, not a request that failed, and
	 * the 501 or 505 of a request that was not understood is its client's fault. */
	bool is_probe = r->route != NULL && (r->route->flags & ROUTE_WITHOUT_KEYS) != 0;
	bool is_error = status >= 500 && !is_probe && what == NULL;

	if (!config.access_log && !is_error)
		return;
	begin(&line, is_error ? LOG_ERROR_LEVEL : LOG_INFO_LEVEL, "http");
	member(&line, "request", str_from(r->id));
	member(&line, "event", STR("answered"));
	member(&line, "what", str_from(what));
	member(&line, "method", str_from(match_method_name(r->method)));
	member(&line, "route", r->route != NULL ? str_from(r->route->path) : STR("none"));
	number(&line, "status", status);
	number(&line, "ms", (int64_t)took_ms);
	member(&line, "ip", r->ip);
	if (status == 401 || status == 403) /* who was refused, where a verified JWT says so */
		member(&line, "user", r->caller.user_id);
	if (!ended(&line))
		return;
	if (gathered_bytes + line.len > sizeof(gathered))
		log_flush();
	memcpy(gathered + gathered_bytes, line.p, line.len);
	gathered_bytes += line.len;
}

void
log_flush(void)
{
	if (gathered_bytes > 0)
		write_out(gathered, gathered_bytes);
	gathered_bytes = 0;
}

static void
begin(struct buf *line, enum log_level level, const char *part)
{
	static _Thread_local char seconds[24]; /* of the last line */
	static _Thread_local time_t written;
	struct timespec now;
	struct tm utc;
	char milliseconds[8];

	clock_gettime(CLOCK_REALTIME, &now);
	if (now.tv_sec != written) {
		gmtime_r(&now.tv_sec, &utc);
		strftime(seconds, sizeof(seconds), "%Y-%m-%dT%H:%M:%S", &utc);
		written = now.tv_sec;
	}
	snprintf(milliseconds, sizeof(milliseconds), ".%03dZ", (int)(now.tv_nsec / 1000000 % 1000));
	buf_str(line, STR("{\"time\":\""));
	buf_str(line, str_from(seconds));
	buf_str(line, str_from(milliseconds));
	buf_str(line, STR("\",\"level\":\""));
	buf_str(line, str_from(level_names[level]));
	buf_char(line, '"');
	member(line, "part", str_from(part));
	number(line, "pid", own_pid());
}

/* Asked of the kernel once: it was a tenth of what a small answer asks of it. */
static pid_t
own_pid(void)
{
	static _Atomic bool watching;

	if (pid == 0) {
		if (!watching && pthread_atfork(NULL, NULL, forget_pid) == 0)
			watching = true;
		if (!watching)
			return getpid();
		pid = getpid();
	}
	return pid;
}

static void
forget_pid(void)
{
	pid = 0;
}

/* Bytes that are not ASCII text become "?": a value may come from outside and need not be UTF-8. */
static void
member(struct buf *line, const char *name, struct str value)
{
	char clean[VALUE_BYTES];
	size_t length = value.len < sizeof(clean) ? value.len : sizeof(clean);

	if (value.p == NULL)
		return;
	while (length > 0 && value.p[length - 1] == '\n')
		length--;
	for (size_t i = 0; i < length; i++)
		clean[i] = value.p[i] >= ' ' && value.p[i] <= '~' ? value.p[i] : '?';
	buf_str(line, STR(",\""));
	buf_str(line, str_from(name));
	buf_str(line, STR("\":"));
	buf_json_str(line, (struct str){.p = clean, .len = length});
}

static void
number(struct buf *line, const char *name, int64_t value)
{
	buf_str(line, STR(",\""));
	buf_str(line, str_from(name));
	buf_str(line, STR("\":"));
	buf_int(line, value);
}

/* False: LINE_BYTES holds five values at their longest, and this was more. */
static bool
ended(struct buf *line)
{
	buf_str(line, STR("}\n"));
	return buf_ok(line);
}

static void
write_out(const char *bytes, size_t count)
{
	ssize_t written = write(STDERR_FILENO, bytes, count);

	(void)written; /* a log that cannot be written has nobody to tell */
}
