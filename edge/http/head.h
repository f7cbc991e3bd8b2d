/*
 * The head of a request: request line and fields (RFC 9112 sections 2 to 6). Pure functions of
 * bytes. What two parsers could read differently is refused: the next hop's view of where a request
 * ends is never another one than ours.
 *
 * Field values are opaque octets (RFC 9110 section 5.5): HTAB and bytes above 0x7f reach the
 * handlers.
 */
#ifndef MANA_HEAD_H
#define MANA_HEAD_H

#include "str.h"

enum {
	HEAD_BYTES_MAX = 32 * 1024, /* request line, fields and the empty line */
	HEAD_FIELDS_MAX = 100,
	HEAD_TARGET_MAX = 16 * 1024, /* RFC 9110 section 4.1 recommends at least 8000 */
	HEAD_EMPTY_LINES_MAX = 4     /* before the request line (RFC 9112 section 2.2) */
};

/* Why a request is refused; status 0: it is not. */
struct refusal {
	int status;
	const char *reason; /* static text, for the log and the body of the answer */
};

struct header {
	struct str name; /* lower case */
	struct str value;
};

/* How far the bytes of a head were searched for its end. Zeroed before the first call. */
struct head_scan {
	size_t start; /* of the request line */
	size_t seen;
	int empty_lines;
	bool has_request_line;
	struct refusal refusal;
};

struct head {
	struct str method; /* one that is served; STR_NONE where the refusal came before it */
	struct str path;   /* as sent, without the query; "*" with OPTIONS only */
	struct str query;  /* without the "?"; STR_NONE: there was none */
	struct str host;   /* of an absolute-form target, else of Host; STR_NONE: none (HTTP/1.0) */
	bool is_http_1_0;
	bool closes;           /* the client wants the connection closed behind the answer */
	bool expects_continue; /* RFC 9110 section 10.1.1 */
	bool is_chunked;
	size_t length; /* of the body, unless it is chunked */
	struct header fields[HEAD_FIELDS_MAX];
	int fields_count;
};

/* Bytes from the first to the end of the head; 0: it has not ended, or scan->refusal says why it
 * never will. `bytes` are all that have come, each time. */
size_t head_end(struct head_scan *scan, const char *bytes, size_t count);
/* Reads the head that begins at scan->start. Slices point into `bytes`, where the names of fields
 * become lower case. A body longer than body_max is refused. */
struct refusal head_read(struct head *head, char *bytes, size_t count, size_t body_max);

#endif
