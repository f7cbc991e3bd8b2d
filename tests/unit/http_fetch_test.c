/* Asking another service: what counts as an answer, and what is never sent or followed. The other
 * service is a thread of the test. */
#include "check.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "jobs/http_fetch.h"

enum { REPLY_BYTES = 64, REQUEST_BYTES = 4096 };

static int listener;
static int port;
static char last_request[REQUEST_BYTES];
static int requests;

/* Answers by path; /silent says nothing until the client has gone. */
static const char *
answer_to(const char *request)
{
	static char long_answer[8192];

	if (strncmp(request, "GET /ok ", 8) == 0 || strncmp(request, "POST /ok ", 9) == 0)
		return "HTTP/1.1 200 OK\r\ncontent-length: 12\r\n\r\n{\"ok\":true}\n";
	if (strncmp(request, "GET /gone ", 10) == 0)
		return "HTTP/1.1 410 Gone\r\ncontent-length: 0\r\n\r\n";
	if (strncmp(request, "GET /elsewhere ", 15) == 0)
		return "HTTP/1.1 302 Found\r\nlocation: /ok\r\ncontent-length: 0\r\n\r\n";
	if (strncmp(request, "GET /long ", 10) == 0) {
		snprintf(long_answer, sizeof(long_answer),
		    "HTTP/1.1 200 OK\r\ncontent-length: 4000\r\n\r\n%04000d", 0);
		return long_answer;
	}
	return NULL;
}

static void *
serve(void *unused)
{
	for (;;) {
		char request[REQUEST_BYTES] = "";
		size_t len = 0;
		ssize_t got = 1;
		const char *answer;
		int fd = accept(listener, NULL, NULL);

		if (fd == -1)
			return unused;
		while (got > 0 && strstr(request, "\r\n\r\n") == NULL) {
			got = read(fd, request + len, sizeof(request) - 1 - len);
			len += got > 0 ? (size_t)got : 0;
		}
		memcpy(last_request, request, sizeof(request));
		requests++;
		answer = answer_to(request);
		if (answer != NULL && write(fd, answer, strlen(answer)) == -1)
			perror("the other service");
		while (read(fd, request, sizeof(request)) > 0)
			continue; /* until the client has gone */
		close(fd);
	}
}

static int
service_start(void **state)
{
	struct sockaddr_in address = {
	    .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof(address);
	static pthread_t thread;

	listener = socket(AF_INET, SOCK_STREAM, 0);
	if (listener == -1 || bind(listener, (struct sockaddr *)&address, size) == -1 ||
	    listen(listener, 8) == -1 ||
	    getsockname(listener, (struct sockaddr *)&address, &size) == -1)
		return -1;
	port = ntohs(address.sin_port);
	return pthread_create(&thread, NULL, serve, NULL) == 0 && pthread_detach(thread) == 0 &&
		       curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK
		   ? 0
		   : -1;
}

/* Asks; the arena is the caller's to release. */
static struct http_fetch
ask(struct request *r, const char *method, const char *scheme, const char *path,
    void (*more)(struct http_fetch *f))
{
	struct http_fetch f;
	struct buf url = arena_buf(&r->arena, 256);

	buf_str(&url, str_from(scheme));
	buf_str(&url, STR("://127.0.0.1:"));
	buf_int(&url, port);
	buf_str(&url, str_from(path));
	http_fetch_prepare(r, &f, method, buf_view(&url), REPLY_BYTES);
	if (more != NULL)
		more(&f);
	http_fetch_work(&f);
	return f;
}

static void
with_body_and_key(struct http_fetch *f)
{
	f->body = STR("{\"a\":1}");
	http_fetch_header(f, "x-service-key", STR("the-key"));
}

static void
an_answer_is_status_and_body(void **state)
{
	struct request r = {0};
	struct http_fetch f = ask(&r, "POST", "http", "/ok", with_body_and_key);

	assert_int_equal(f.status, 200);
	assert_str_is(buf_view(&f.reply), "{\"ok\":true}\n");
	assert_int_equal(f.reason.len, 0);
	assert_non_null(strstr(last_request, "x-service-key: the-key\r\n"));
	assert_non_null(strstr(last_request, "content-type: application/json\r\n"));
	assert_non_null(strstr(last_request, "Content-Length: 7\r\n"));
	assert_null(strcasestr(last_request, "expect:"));
	f = ask(&r, "GET", "http", "/gone", NULL);
	assert_int_equal(f.status, 410);
	assert_int_equal(f.reply.len, 0);
	arena_release(&r.arena);
}

static void
a_redirect_is_an_answer_and_not_followed(void **state)
{
	struct request r = {0};
	int before = requests;
	struct http_fetch f = ask(&r, "GET", "http", "/elsewhere", NULL);

	assert_int_equal(f.status, 302);
	assert_int_equal(requests, before + 1);
	arena_release(&r.arena);
}

static void
what_is_too_long_is_no_answer(void **state)
{
	struct request r = {0};
	struct http_fetch f = ask(&r, "GET", "http", "/long", NULL);

	assert_int_equal(f.status, 0);
	assert_str_is(buf_view(&f.reason), "the answer is too long");
	arena_release(&r.arena);
}

static void
in_a_moment(struct http_fetch *f)
{
	f->deadline_ms = 50;
}

static void
silence_ends_at_the_deadline(void **state)
{
	struct request r = {0};
	struct http_fetch f = ask(&r, "GET", "http", "/silent", in_a_moment);

	assert_int_equal(f.status, 0);
	assert_true(f.reason.len > 0);
	arena_release(&r.arena);
}

static void
with_a_line_too_many(struct http_fetch *f)
{
	http_fetch_header(f, "x-service-key", STR("the-key\r\nx-more: 1"));
}

static void
what_could_split_a_request_or_leave_http_is_not_sent(void **state)
{
	struct request r = {0};
	int before = requests;

	assert_int_equal(ask(&r, "GET", "http", "/ok", with_a_line_too_many).status, 0);
	assert_int_equal(ask(&r, "GET", "file", "/etc/passwd", NULL).status, 0);
	assert_int_equal(ask(&r, "GET", "gopher", "/ok", NULL).status, 0);
	assert_int_equal(requests, before);
	arena_release(&r.arena);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(an_answer_is_status_and_body),
	    cmocka_unit_test(a_redirect_is_an_answer_and_not_followed),
	    cmocka_unit_test(what_is_too_long_is_no_answer),
	    cmocka_unit_test(silence_ends_at_the_deadline),
	    cmocka_unit_test(what_could_split_a_request_or_leave_http_is_not_sent),
	};

	return cmocka_run_group_tests(tests, service_start, NULL);
}
