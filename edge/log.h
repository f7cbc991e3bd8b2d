/*
 * The log: one JSON object a line on standard error. No secret is ever passed to it: no header,
 * body, token or query.
 */
#ifndef MANA_LOG_H
#define MANA_LOG_H

#include "http/request.h"

enum log_level { LOG_ERROR_LEVEL, LOG_WARNING_LEVEL, LOG_INFO_LEVEL };

/* An event; what and detail may be NULL. */
void log_event(enum log_level level, const char *part, const char *event, const char *what,
    const char *detail);
/* The same, of a request. */
void log_request_event(const struct request *r, enum log_level level, const char *part,
    const char *event, const char *what, const char *detail);
/* That a request was answered: method, route (its pattern, for paths can hold tokens), status,
 * milliseconds; of a refusal (401, 403) also the user of the access JWT; what: why it was refused
 * before it had a route, NULL: it was not. Such lines are gathered and written by log_flush, before
 * the next event, or when there are many; a worker that is killed loses those of its last moments.
 * ACCESS_LOG=off: none but of status 500 and above. The answers of /health/ready are no errors. */
void log_answer(const struct request *r, int status, uint64_t took_ms, const char *what);
void log_flush(void);

#endif
