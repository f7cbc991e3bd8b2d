/* Answers that clients do not read: what is kept, for whom, and how much. */
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "check.h"

#include "config.h"
#include "http/unread.h"

enum { MAX = 1024 * 1024, SHARE = MAX / 4 };

/* A client that does not read, and the side of the socket that the edge has. */
struct silent {
	int fd, client;
	struct unread out;
	const char *ip;
};

static char big[MAX];

static struct silent *
silent(const char *ip)
{
	struct silent *s = calloc(1, sizeof(*s));
	int fds[2], least = 4096;

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
	s->fd = fds[0];
	s->client = fds[1];
	s->ip = ip;
	assert_int_equal(setsockopt(s->fd, SOL_SOCKET, SO_SNDBUF, &least, sizeof(least)), 0);
	/* what the kernel takes is not ours to keep */
	while (send(s->fd, big, 1, MSG_DONTWAIT) == 1)
		;
	return s;
}

static void
gone(struct silent *s)
{
	unread_drop(&s->out);
	close(s->fd);
	close(s->client);
	free(s);
}

static enum unread_result
send_bytes(struct silent *s, size_t count, uint64_t now_ms)
{
	const struct iovec parts[] = {{big, count / 2}, {big + count / 2, count - count / 2}};

	return unread_send(&s->out, s->fd, s->ip, parts, 2, now_ms);
}

static int
setup(void **state)
{
	config.unread_max_bytes = MAX;
	config.unread_seconds = 30;
	for (size_t i = 0; i < sizeof(big); i++)
		big[i] = (char)('a' + i % 23);
	return 0;
}

/* Reads all that comes, and asks the edge to send on meanwhile. */
static size_t
read_all(struct silent *s, char *into, size_t size, uint64_t now_ms)
{
	size_t count = 0;
	ssize_t n;

	for (;;) {
		n = recv(s->client, into + count, size - count, MSG_DONTWAIT);
		if (n > 0)
			count += (size_t)n;
		else if (s->out.count == 0 || unread_flush(&s->out, s->fd, now_ms) == UNREAD_BROKEN)
			return count;
	}
}

static void
what_is_kept_arrives_in_order(void **state)
{
	struct silent *s = silent("192.0.2.1");
	char *read = malloc(MAX);
	size_t before = read_all(s, read, MAX, 0), count;

	assert_true(before > 0);
	assert_int_equal(send_bytes(s, 10, 0), UNREAD_NONE);
	assert_int_equal(send_bytes(s, 200000, 0), UNREAD_SOME);
	assert_int_equal(send_bytes(s, 1000, 0), UNREAD_SOME);
	count = read_all(s, read, MAX, 0);
	assert_int_equal(count, 10 + 200000 + 1000);
	assert_memory_equal(read, big, 10);
	assert_memory_equal(read + 10, big, 200000);
	assert_memory_equal(read + 200010, big, 1000);
	assert_null(s->out.bytes);
	assert_false(unread_is_full("192.0.2.1", MAX));
	free(read);
	gone(s);
}

static void
all_together_keep_so_much_and_no_more(void **state)
{
	static const char *const ips[] = {"192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4"};
	struct silent *clients[4], *late = silent("192.0.2.5");

	for (int i = 0; i < 4; i++) {
		clients[i] = silent(ips[i]);
		assert_int_equal(send_bytes(clients[i], SHARE, 0), UNREAD_SOME);
	}
	assert_true(unread_is_full("192.0.2.5", 1));
	assert_int_equal(send_bytes(late, 1, 0), UNREAD_TOO_MUCH);
	assert_null(late->out.bytes);
	gone(clients[3]);
	assert_int_equal(send_bytes(late, SHARE, 0), UNREAD_SOME);
	for (int i = 0; i < 3; i++)
		gone(clients[i]);
	gone(late);
	assert_false(unread_is_full("192.0.2.5", MAX));
}

static void
an_address_keeps_a_quarter(void **state)
{
	static const struct {
		const char *first, *second;
		enum unread_result result;
	} cases[] = {
	    {"192.0.2.1", "192.0.2.1", UNREAD_TOO_MUCH}, {"192.0.2.1", "192.0.2.2", UNREAD_SOME},
	    {"2001:db8:1:2::1", "2001:db8:1:2:ffff::2", UNREAD_TOO_MUCH},
	    {"2001:db8:1:2::1", "2001:db8:1:3::1", UNREAD_SOME},
	    {"", "", UNREAD_TOO_MUCH}, /* unknown ones are one */
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct silent *a = silent(cases[i].first), *b = silent(cases[i].second);

		assert_int_equal(send_bytes(a, SHARE - 100, 0), UNREAD_SOME);
		assert_int_equal(send_bytes(b, 100, 0), UNREAD_SOME);
		assert_int_equal(send_bytes(b, 100, 0), cases[i].result);
		gone(a);
		gone(b);
	}
}

static void
one_answer_may_be_longer_than_a_quarter(void **state)
{
	struct silent *a = silent("192.0.2.1"), *b = silent("192.0.2.1");

	assert_int_equal(send_bytes(a, 2 * SHARE, 0), UNREAD_SOME);
	assert_int_equal(send_bytes(b, 1, 0), UNREAD_TOO_MUCH);
	gone(a);
	gone(b);
}

static void
a_client_that_does_not_read_has_stalled(void **state)
{
	struct silent *s = silent("192.0.2.1");
	char some[1000];

	assert_false(unread_has_stalled(&s->out, 1000000));
	assert_int_equal(send_bytes(s, 400000, 1000), UNREAD_SOME);
	assert_false(unread_has_stalled(&s->out, 30999));
	assert_true(unread_has_stalled(&s->out, 31000));
	/* it reads on, but too slowly for all of it */
	for (uint64_t now = 20000; now < 301000; now += 20000) {
		assert_false(unread_has_stalled(&s->out, now));
		while (recv(s->client, some, sizeof(some), MSG_DONTWAIT) > 0)
			;
		assert_int_equal(unread_flush(&s->out, s->fd, now), UNREAD_SOME);
	}
	assert_true(unread_has_stalled(&s->out, 301000));
	gone(s);
}

static void
a_client_that_has_left_is_noticed(void **state)
{
	struct silent *s = silent("192.0.2.1");

	assert_int_equal(send_bytes(s, 1000, 0), UNREAD_SOME);
	close(s->client);
	s->client = -1;
	assert_int_equal(unread_flush(&s->out, s->fd, 0), UNREAD_BROKEN);
	unread_drop(&s->out);
	assert_int_equal(send_bytes(s, 1000, 0), UNREAD_BROKEN);
	gone(s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_is_kept_arrives_in_order),
	    cmocka_unit_test(all_together_keep_so_much_and_no_more),
	    cmocka_unit_test(an_address_keeps_a_quarter),
	    cmocka_unit_test(one_answer_may_be_longer_than_a_quarter),
	    cmocka_unit_test(a_client_that_does_not_read_has_stalled),
	    cmocka_unit_test(a_client_that_has_left_is_noticed),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
