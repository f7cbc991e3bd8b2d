/*
 * One HTTP request to another service, by libcurl. Blocks: run it on a thread, with a struct
 * http_fetch in the request's arena as the state of the job:
 *
 *	struct http_fetch *f = request_state(r, sizeof(*f));
 *
 *	http_fetch_prepare(r, f, "GET", url, REPLY_BYTES_MAX);
 *	http_fetch_header(f, "x-service-key", key);
 *	return job_run(r, JOB_HTTP, http_fetch_work, f, answered);
 *
 * Redirects are answers like others, never followed; no proxy of the environment is used, for what
 * is sent holds keys; certificates are checked.
 */
#ifndef MANA_HTTP_FETCH_H
#define MANA_HTTP_FETCH_H

#include "http/request.h"

enum { HTTP_FETCH_HEADERS_MAX = 4, HTTP_FETCH_REASON_BYTES = 256, HTTP_FETCH_DEADLINE_MS = 5000 };

struct http_fetch_header {
	const char *name;
	struct str value;
};

struct http_fetch {
	const char *method;
	struct str url;
	struct http_fetch_header headers[HTTP_FETCH_HEADERS_MAX];
	size_t headers_count;
	struct str body;     /* JSON; STR_NONE: none */
	int64_t deadline_ms; /* for all of it, the name look-up included */

	int status;        /* of the answer; 0: there was none */
	struct buf reply;  /* its body */
	struct buf reason; /* why there was none, for logs: no secrets */
};

/* Fills a request without headers and body, with the deadline above; a reply of more than
 * `reply_bytes` counts as none. */
void http_fetch_prepare(struct request *r, struct http_fetch *f, const char *method, struct str url,
    size_t reply_bytes);
/* Adds a header. */
void http_fetch_header(struct http_fetch *f, const char *name, struct str value);

/* Runs on the thread. */
void http_fetch_work(void *fetch);

#endif
