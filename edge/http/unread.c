/* See unread.h. Only connections that keep something are listed, so that a sum costs little. */
#include "http/unread.h"

#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "config.h"

enum {
	WHOLE_ANSWER_FACTOR = 10, /* UNREAD_SECONDS that a client may take for all of an answer */
	ADDRESS_SHARE = 4         /* of UNREAD_MAX_BYTES one address may have a fourth */
};

static TAILQ_HEAD(, unread) keepers = TAILQ_HEAD_INITIALIZER(keepers);
static size_t total;

static enum unread_result keep(struct unread *u, const char *ip, const struct iovec *parts,
    int count, size_t taken, uint64_t now_ms);
static ssize_t send_parts(int fd, const struct iovec *parts, int count);
static size_t sum_of(const struct iovec *parts, int count);
static size_t kept_for(const char *network);

bool
unread_is_full(const char *ip, size_t more)
{
	size_t max = (size_t)config.unread_max_bytes, kept;
	char network[CLIENT_IP_BYTES];

	if (total == 0)
		return more > max;
	client_ip_network(network, ip);
	kept = kept_for(network);
	return total + more > max || (kept > 0 && kept + more > max / ADDRESS_SHARE);
}

enum unread_result
unread_send(
    struct unread *u, int fd, const char *ip, const struct iovec *parts, int count, uint64_t now_ms)
{
	ssize_t taken = 0;

	if (u->count == u->sent) {
		taken = send_parts(fd, parts, count);
		if (taken == -1)
			return UNREAD_BROKEN;
		if ((size_t)taken == sum_of(parts, count))
			return UNREAD_NONE;
	}
	return keep(u, ip, parts, count, (size_t)taken, now_ms);
}

/* What is behind the first `taken` bytes of the parts. */
static enum unread_result
keep(struct unread *u, const char *ip, const struct iovec *parts, int count, size_t taken,
    uint64_t now_ms)
{
	size_t old = u->count - u->sent, rest = sum_of(parts, count) - taken;
	char *bytes;

	if (unread_is_full(ip, rest))
		return UNREAD_TOO_MUCH;
	bytes = malloc(old + rest);
	if (bytes == NULL)
		return UNREAD_TOO_MUCH;
	if (old > 0)
		memcpy(bytes, u->bytes + u->sent, old);
	unread_drop(u);
	u->bytes = bytes;
	u->count = u->size = old + rest;
	for (int i = 0; i < count; i++) {
		size_t skipped = taken < parts[i].iov_len ? taken : parts[i].iov_len;
		size_t length = parts[i].iov_len - skipped;

		if (length > 0)
			memcpy(bytes + old, (const char *)parts[i].iov_base + skipped, length);
		old += length;
		taken -= skipped;
	}
	client_ip_network(u->network, ip);
	u->since_ms = u->read_on_ms = now_ms;
	TAILQ_INSERT_TAIL(&keepers, u, others);
	total += u->count;
	return UNREAD_SOME;
}

enum unread_result
unread_flush(struct unread *u, int fd, uint64_t now_ms)
{
	while (u->sent < u->count) {
		struct iovec part = {.iov_base = u->bytes + u->sent, .iov_len = u->count - u->sent};
		ssize_t taken = send_parts(fd, &part, 1);

		if (taken == -1)
			return UNREAD_BROKEN;
		if (taken == 0)
			return UNREAD_SOME;
		u->sent += (size_t)taken;
		u->read_on_ms = now_ms;
		total -= (size_t)taken;
	}
	unread_drop(u);
	return UNREAD_NONE;
}

bool
unread_has_stalled(const struct unread *u, uint64_t now_ms)
{
	uint64_t patience_ms = (uint64_t)config.unread_seconds * 1000;

	return u->sent < u->count && (now_ms - u->read_on_ms >= patience_ms ||
					 now_ms - u->since_ms >= WHOLE_ANSWER_FACTOR * patience_ms);
}

void
unread_drop(struct unread *u)
{
	if (u->bytes == NULL)
		return;
	TAILQ_REMOVE(&keepers, u, others);
	total -= u->count - u->sent;
	sodium_memzero(u->bytes, u->size);
	free(u->bytes);
	u->bytes = NULL;
	u->sent = u->count = u->size = 0;
}

/* 0: the kernel takes nothing now; -1: it never will. */
static ssize_t
send_parts(int fd, const struct iovec *parts, int count)
{
	struct msghdr message = {.msg_iov = (struct iovec *)parts, .msg_iovlen = (size_t)count};
	ssize_t taken;

	do
		taken = sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
	while (taken == -1 && errno == EINTR);
	return taken == -1 && (errno == EAGAIN || errno == EWOULDBLOCK) ? 0 : taken;
}

static size_t
sum_of(const struct iovec *parts, int count)
{
	size_t sum = 0;

	for (int i = 0; i < count; i++)
		sum += parts[i].iov_len;
	return sum;
}

static size_t
kept_for(const char *network)
{
	const struct unread *u;
	size_t sum = 0;

	TAILQ_FOREACH(u, &keepers, others)
	if (strcmp(u->network, network) == 0)
		sum += u->count - u->sent;
	return sum;
}
