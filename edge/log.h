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
 * milliseconds. */
void log_answer(const struct request *r, int status, uint64_t took_ms);

#endif
