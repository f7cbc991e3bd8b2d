/* See answer.h. */
#include "http/answer.h"

#include "config.h"
#include "http/private.h"
#include "routes.h"

enum { FIXED_BYTES = 768, LINE_EXTRA = 4 /* ": " and CRLF */, DATE_BYTES = 30 };

static void status_line(struct buf *out, int status);
static void field(struct buf *out, struct str name, struct str value);
static void date(struct buf *out, time_t now);
static void hsts(struct buf *out);
static void framing(struct buf *out, int status, const struct answer_frame *frame);

size_t
answer_head_size(const struct request *r)
{
	const struct response *response = &r->private->response;
	size_t size = FIXED_BYTES;

	for (int i = 0; i < response->headers_count; i++)
		size += response->headers[i].name.len + response->headers[i].value.len + LINE_EXTRA;
	return size;
}

void
answer_head(struct buf *out, const struct request *r, const struct answer_frame *frame, time_t now)
{
	const struct response *response = &r->private->response;

	status_line(out, response->status);
	field(out, STR("server"), STR("mana-auth"));
	date(out, now);
	if (response->content_type != NULL)
		field(out, STR("content-type"), str_from(response->content_type));
	if (r->route == NULL || !(r->route->flags & ROUTE_CACHEABLE)) {
		field(out, STR("cache-control"), STR("no-store"));
		field(out, STR("pragma"), STR("no-cache"));
	}
	field(out, STR("x-content-type-options"), STR("nosniff"));
	if (!str_starts(str_from(response->content_type), STR("text/html"))) { /* no page */
		field(out, STR("content-security-policy"),
		    STR("default-src 'none'; base-uri 'none'; frame-ancestors 'none'"));
		field(out, STR("referrer-policy"), STR("no-referrer"));
	}
	if (config.secure_cookies_prefix && config.hsts_seconds > 0)
		hsts(out);
	field(out, STR("x-request-id"), str_from(r->id));
	for (int i = 0; i < response->headers_count; i++)
		field(out, response->headers[i].name, response->headers[i].value);
	framing(out, response->status, frame);
	buf_str(out, STR("\r\n"));
}

static void
status_line(struct buf *out, int status)
{
	buf_str(out, STR("HTTP/1.1 "));
	buf_int(out, status);
	buf_char(out, ' ');
	buf_str(out, str_from(answer_phrase(status)));
	buf_str(out, STR("\r\n"));
}

static void
field(struct buf *out, struct str name, struct str value)
{
	buf_str(out, name);
	buf_str(out, STR(": "));
	buf_str(out, value);
	buf_str(out, STR("\r\n"));
}

/* IMF-fixdate (RFC 9110 section 5.6.7), written anew each second. */
static void
date(struct buf *out, time_t now)
{
	static const char days[][4] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
	static const char months[][4] = {
	    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
	static char text[DATE_BYTES + 34]; /* room for any int that a struct tm could hold */
	static time_t written;
	struct tm utc;

	if (now != written && gmtime_r(&now, &utc) != NULL) {
		snprintf(text, sizeof(text), "%s, %02d %s %04d %02d:%02d:%02d GMT",
		    days[utc.tm_wday], utc.tm_mday, months[utc.tm_mon], utc.tm_year + 1900,
		    utc.tm_hour, utc.tm_min, utc.tm_sec);
		written = now;
	}
	field(out, STR("date"), str_from(text));
}

/* RFC 6797 section 6.1. A proxy passes it on; over plain HTTP browsers ignore it. */
static void
hsts(struct buf *out)
{
	buf_str(out, STR("strict-transport-security: max-age="));
	buf_int(out, config.hsts_seconds);
	if (config.hsts_subdomains)
		buf_str(out, STR("; includeSubDomains"));
	buf_str(out, STR("\r\n"));
}

static void
framing(struct buf *out, int status, const struct answer_frame *frame)
{
	if (frame->keep_seconds > 0) {
		buf_str(out, STR("connection: keep-alive\r\nkeep-alive: timeout="));
		buf_int(out, frame->keep_seconds);
		buf_str(out, STR("\r\n"));
	} else {
		field(out, STR("connection"), STR("close"));
	}
	if (frame->body == ANSWER_CHUNKED)
		field(out, STR("transfer-encoding"), STR("chunked"));
	if (frame->body != ANSWER_LENGTH || status == 204 || status == 304)
		return;
	buf_str(out, STR("content-length: "));
	buf_int(out, (int64_t)frame->length);
	buf_str(out, STR("\r\n"));
}

const char *
answer_phrase(int status)
{
	static const struct {
		int status;
		const char *phrase;
	} phrases[] = {
	    {200, "OK"},
	    {201, "Created"},
	    {202, "Accepted"},
	    {204, "No Content"},
	    {302, "Found"},
	    {303, "See Other"},
	    {304, "Not Modified"},
	    {400, "Bad Request"},
	    {401, "Unauthorized"},
	    {403, "Forbidden"},
	    {404, "Not Found"},
	    {405, "Method Not Allowed"},
	    {408, "Request Timeout"},
	    {409, "Conflict"},
	    {410, "Gone"},
	    {411, "Length Required"},
	    {413, "Content Too Large"},
	    {414, "URI Too Long"},
	    {415, "Unsupported Media Type"},
	    {417, "Expectation Failed"},
	    {422, "Unprocessable Content"},
	    {423, "Locked"},
	    {429, "Too Many Requests"},
	    {431, "Request Header Fields Too Large"},
	    {500, "Internal Server Error"},
	    {501, "Not Implemented"},
	    {502, "Bad Gateway"},
	    {503, "Service Unavailable"},
	    {504, "Gateway Timeout"},
	    {505, "HTTP Version Not Supported"},
	};

	for (size_t i = 0; i < sizeof(phrases) / sizeof(phrases[0]); i++)
		if (phrases[i].status == status)
			return phrases[i].phrase;
	return "";
}
