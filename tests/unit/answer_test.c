/* The heads of answers: framing, and the fields that none lacks. */
#include <stdio.h>

#include "check.h"

#include "config.h"
#include "http/answer.h"
#include "http/private.h"
#include "routes.h"

#define ID "0123456789abcdef0123456789abcdef"

static char memory[4096];

/* The head of an answer with one header of its own. */
static struct str
head_of(int status, const char *content_type, const struct route *route, struct answer_frame frame)
{
	struct request_private private = {.response = {.status = status,
					      .content_type = content_type,
					      .headers = {{STR("vary"), STR("Origin")}},
					      .headers_count = 1}};
	struct request r = {.id = ID, .route = route, .private = &private};
	struct buf out = {.p = memory, .size = answer_head_size(&r)};

	assert_true(out.size <= sizeof(memory));
	answer_head(&out, &r, &frame, 784111777); /* the example of RFC 9110, section 5.6.7 */
	assert_true(buf_ok(&out));
	return buf_view(&out);
}

static bool
has(struct str head, const char *line)
{
	char whole[256];
	int length = snprintf(whole, sizeof(whole), "\r\n%s\r\n", line);

	return memmem(head.p, head.len, whole, (size_t)length) != NULL;
}

static void
an_answer_is_complete(void **state)
{
	struct str head = head_of(200, "application/json", NULL,
	    (struct answer_frame){.body = ANSWER_LENGTH, .length = 12, .keep_seconds = 64});

	assert_str_is(head, "HTTP/1.1 200 OK\r\n"
			    "server: mana-auth\r\n"
			    "date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
			    "content-type: application/json\r\n"
			    "cache-control: no-store\r\n"
			    "pragma: no-cache\r\n"
			    "x-content-type-options: nosniff\r\n"
			    "content-security-policy: default-src 'none'; base-uri 'none'; "
			    "frame-ancestors 'none'\r\n"
			    "referrer-policy: no-referrer\r\n"
			    "x-request-id: " ID "\r\n"
			    "vary: Origin\r\n"
			    "connection: keep-alive\r\n"
			    "keep-alive: timeout=64\r\n"
			    "content-length: 12\r\n"
			    "\r\n");
}

static void
the_framing_says_where_the_body_ends(void **state)
{
	struct str head;

	head = head_of(
	    200, "a/b", NULL, (struct answer_frame){.body = ANSWER_CHUNKED, .keep_seconds = 1});
	assert_true(has(head, "transfer-encoding: chunked"));
	assert_null(memmem(head.p, head.len, "content-length", 14));
	head = head_of(200, "a/b", NULL, (struct answer_frame){.body = ANSWER_TO_END});
	assert_true(has(head, "connection: close"));
	assert_null(memmem(head.p, head.len, "content-length", 14));
	assert_null(memmem(head.p, head.len, "transfer-encoding", 17));
	/* RFC 9110, section 8.6: none in a 204; RFC 9112, section 6.3: neither has a body */
	for (int status = 204; status <= 304; status += 100) {
		head = head_of(status, NULL, NULL, (struct answer_frame){.body = ANSWER_LENGTH});
		assert_null(memmem(head.p, head.len, "content-length", 14));
	}
	head = head_of(302, NULL, NULL, (struct answer_frame){.body = ANSWER_LENGTH});
	assert_true(has(head, "content-length: 0"));
}

static void
a_route_that_can_be_cached_says_so_itself(void **state)
{
	const struct route cacheable = {.flags = ROUTE_CACHEABLE};
	struct str head =
	    head_of(200, "a/b", &cacheable, (struct answer_frame){.body = ANSWER_LENGTH});

	assert_false(has(head, "cache-control: no-store"));
	assert_true(has(head, "x-content-type-options: nosniff"));
}

static void
https_is_demanded_where_it_is_spoken(void **state)
{
	const struct answer_frame frame = {.body = ANSWER_LENGTH};

	config.secure_cookies_prefix = true;
	config.hsts_seconds = 1000;
	assert_true(
	    has(head_of(400, NULL, NULL, frame), "strict-transport-security: max-age=1000"));
	config.hsts_subdomains = true;
	assert_true(has(head_of(400, NULL, NULL, frame),
	    "strict-transport-security: max-age=1000; includeSubDomains"));
	config.secure_cookies_prefix = false;
	assert_null(memmem(memory, head_of(400, NULL, NULL, frame).len, "strict-transport", 16));
}

static void
every_status_of_the_service_has_a_phrase(void **state)
{
	static const int statuses[] = {
#define ERROR(name, status, ...) status,
#include "errors.def"
#undef ERROR
	    200, 201, 204, 302, 303, 304, 408, 413, 414, 417, 431, 501, 505};

	for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++)
		if (statuses[i] != 0)
			assert_string_not_equal(answer_phrase(statuses[i]), "");
	assert_string_equal(answer_phrase(299), "");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(an_answer_is_complete),
	    cmocka_unit_test(the_framing_says_where_the_body_ends),
	    cmocka_unit_test(a_route_that_can_be_cached_says_so_itself),
	    cmocka_unit_test(https_is_demanded_where_it_is_spoken),
	    cmocka_unit_test(every_status_of_the_service_has_a_phrase),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
