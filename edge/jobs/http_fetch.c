/*
 * HTTP to other services by libcurl's easy interface, a connection a request (http_fetch.h).
 */
#include "jobs/http_fetch.h"

#include <curl/curl.h>
#include <stdlib.h>

enum { URL_BYTES = 2048, HEADER_BYTES = 2048 };

static CURLcode request_set(CURL *curl, struct http_fetch *f, struct curl_slist *headers);
static bool headers_make(struct curl_slist **headers, const struct http_fetch *f);
static bool header_make(struct curl_slist **headers, const char *name, struct str value);
static size_t reply_keep(char *bytes, size_t size, size_t count, void *fetch);

void
http_fetch_prepare(
    struct request *r, struct http_fetch *f, const char *method, struct str url, size_t reply_bytes)
{
	*f = (struct http_fetch){
	    .method = method,
	    .url = url,
	    .body = STR_NONE,
	    .deadline_ms = HTTP_FETCH_DEADLINE_MS,
	    .reply = arena_buf(&r->arena, reply_bytes),
	    .reason = arena_buf(&r->arena, HTTP_FETCH_REASON_BYTES),
	};
}

void
http_fetch_header(struct http_fetch *f, const char *name, struct str value)
{
	if (f->headers_count == HTTP_FETCH_HEADERS_MAX)
		abort();
	f->headers[f->headers_count++] = (struct http_fetch_header){.name = name, .value = value};
}

void
http_fetch_work(void *fetch)
{
	struct http_fetch *f = fetch;
	char detail[CURL_ERROR_SIZE] = "";
	struct curl_slist *headers = NULL;
	CURL *curl = curl_easy_init();
	CURLcode code = curl == NULL ? CURLE_OUT_OF_MEMORY : CURLE_BAD_FUNCTION_ARGUMENT;
	long status = 0;

	if (curl != NULL && headers_make(&headers, f)) {
		(void)curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, detail); /* never fails */
		code = request_set(curl, f, headers);
	}
	if (code == CURLE_OK)
		code = curl_easy_perform(curl);
	if (code == CURLE_OK)
		code = curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
	f->status = code == CURLE_OK ? (int)status : 0;
	if (f->reply.overflow)
		buf_str(&f->reason, STR("the answer is too long"));
	else if (code != CURLE_OK)
		buf_str(
		    &f->reason, str_from(detail[0] != '\0' ? detail : curl_easy_strerror(code)));
	curl_slist_free_all(headers);
	curl_easy_cleanup(curl);
}

static CURLcode
request_set(CURL *curl, struct http_fetch *f, struct curl_slist *headers)
{
	char text[URL_BYTES];
	struct buf url = BUF_ON(text);
	const char *url_text;
	CURLcode code;

	buf_str(&url, f->url);
	url_text = buf_cstr(&url);
	code =
	    url_text == NULL ? CURLE_URL_MALFORMAT : curl_easy_setopt(curl, CURLOPT_URL, url_text);
#define SET(option, value)                                                                         \
	if (code == CURLE_OK)                                                                      \
	code = curl_easy_setopt(curl, option, value)
	SET(CURLOPT_NOSIGNAL, 1L);
	SET(CURLOPT_PROTOCOLS_STR, "http,https");
	SET(CURLOPT_PROXY, "");
	SET(CURLOPT_USERAGENT, "mana-auth");
	SET(CURLOPT_TIMEOUT_MS, (long)f->deadline_ms);
	SET(CURLOPT_CUSTOMREQUEST, f->method);
	SET(CURLOPT_HTTPHEADER, headers);
	SET(CURLOPT_WRITEFUNCTION, reply_keep);
	SET(CURLOPT_WRITEDATA, f);
	if (f->body.p != NULL) {
		SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)f->body.len);
		SET(CURLOPT_POSTFIELDS, f->body.p);
	}
#undef SET
	return code;
}

/* Without `Expect: 100-continue`, for which small services do not care. */
static bool
headers_make(struct curl_slist **headers, const struct http_fetch *f)
{
	bool ok = header_make(headers, "expect", STR(""));

	if (f->body.p != NULL)
		ok = ok && header_make(headers, "content-type", STR("application/json"));
	for (size_t i = 0; i < f->headers_count; i++)
		ok = ok && header_make(headers, f->headers[i].name, f->headers[i].value);
	return ok;
}

static bool
header_make(struct curl_slist **headers, const char *name, struct str value)
{
	char text[HEADER_BYTES];
	struct buf line = BUF_ON(text);
	struct curl_slist *longer = NULL;
	const char *cstr;

	if (value.len > 0 && (memchr(value.p, '\n', value.len) || memchr(value.p, '\r', value.len)))
		return false;
	buf_str(&line, str_from(name));
	buf_str(&line, value.len > 0 ? STR(": ") : STR(":"));
	buf_str(&line, value);
	cstr = buf_cstr(&line);
	if (cstr != NULL)
		longer = curl_slist_append(*headers, cstr);
	buf_wipe(&line); /* it may hold a key */
	if (longer != NULL)
		*headers = longer;
	return longer != NULL;
}

/* A count that is not what came makes libcurl give up. */
static size_t
reply_keep(char *bytes, size_t size, size_t count, void *fetch)
{
	struct http_fetch *f = fetch;

	buf_str(&f->reply, (struct str){.p = bytes, .len = size * count});
	return f->reply.overflow ? 0 : size * count;
}
