/*
 * Our parser against llhttp, the parser of Node: each head that ours accepts llhttp accepts, and
 * for each request that both accept, method, target, number of fields, body and the byte behind it
 * are the same. So no request ends in two places, which is what request smuggling needs. (llhttp
 * refuses some chunk extensions and trailers that are legal; ours refuses more of everything else.)
 */
#include "fuzz.h"

#include <llhttp.h>

#include "http/chunk.h"

enum { BODY_MAX = 1000, REQUESTS_MAX = 64 };

struct one {
	struct str method, target; /* of the input */
	char body[BODY_MAX];
	size_t body_length;
	int fields;
	size_t end; /* in the input */
	bool closes, is_chunked;
	int chunks; /* that llhttp has begun to read */
};

struct all {
	struct one requests[REQUESTS_MAX];
	int count; /* complete ones */
	llhttp_errno_t error;
};

/* Ours. */
static void
read_all(struct all *all, const char *input, size_t size)
{
	static struct head head;
	char *bytes = malloc(size + 1);
	size_t at = 0;

	memcpy(bytes, input, size);
	all->count = 0;
	while (at < size && all->count < REQUESTS_MAX) {
		struct one *one = &all->requests[all->count];
		struct head_scan scan = {.seen = 0};
		size_t end = head_end(&scan, bytes + at, size - at);

		if (end == 0 ||
		    head_read(&head, bytes + at + scan.start, end - scan.start, BODY_MAX).status !=
			0)
			break;
		one->method = (struct str){.p = input + at + scan.start, .len = head.method.len};
		one->target.p = one->method.p + one->method.len + 1;
		one->target.len = (size_t)((const char *)memchr(one->target.p, ' ',
					       (size_t)(input + size - one->target.p)) -
					   one->target.p);
		one->fields = head.fields_count;
		one->closes = head.closes;
		one->is_chunked = head.is_chunked;
		one->body_length = 0;
		at += end;
		if (head.is_chunked) {
			struct chunk_reader chunks = {.state = 0};
			struct chunk_progress p =
			    chunk_read(&chunks, bytes + at, size - at, BODY_MAX);

			if (!chunks.is_complete)
				break;
			memcpy(one->body, bytes + at, p.data);
			one->body_length = p.data;
			at += p.used;
		} else if (head.length <= size - at) {
			memcpy(one->body, bytes + at, head.length);
			one->body_length = head.length;
			at += head.length;
		} else {
			break;
		}
		one->end = at;
		all->count++;
		if (one->closes)
			break;
	}
	free(bytes);
}

/* llhttp's. */
struct oracle {
	llhttp_t parser; /* first */
	struct all *all;
};

static struct one *
current(llhttp_t *parser)
{
	struct all *all = ((struct oracle *)parser)->all;

	return &all->requests[all->count < REQUESTS_MAX ? all->count : REQUESTS_MAX - 1];
}

static int
on_begin(llhttp_t *parser)
{
	memset(current(parser), 0, sizeof(struct one));
	return 0;
}

static int
on_url(llhttp_t *parser, const char *at, size_t length)
{
	struct one *one = current(parser);

	if (one->target.p == NULL)
		one->target.p = at;
	one->target.len += length;
	return 0;
}

static int
on_field_complete(llhttp_t *parser)
{
	current(parser)->fields++;
	return 0;
}

static int
on_headers(llhttp_t *parser)
{
	struct one *one = current(parser);

	one->method = str_from(llhttp_method_name(llhttp_get_method(parser)));
	one->end = (size_t)one->fields; /* trailers count beyond */
	return 0;
}

static int
on_chunk(llhttp_t *parser)
{
	current(parser)->chunks++;
	return 0;
}

static int
on_body(llhttp_t *parser, const char *at, size_t length)
{
	struct one *one = current(parser);

	if (length > BODY_MAX - one->body_length)
		return HPE_USER;
	memcpy(one->body + one->body_length, at, length);
	one->body_length += length;
	return 0;
}

static int
on_complete(llhttp_t *parser)
{
	struct one *one = current(parser);

	one->fields = (int)one->end;
	return HPE_PAUSED;
}

static void
ask_oracle(struct all *all, const char *input, size_t size)
{
	static llhttp_settings_t settings;
	struct oracle oracle = {.all = all};
	const char *at = input;

	llhttp_settings_init(&settings);
	settings.on_message_begin = on_begin;
	settings.on_url = on_url;
	settings.on_header_value_complete = on_field_complete;
	settings.on_headers_complete = on_headers;
	settings.on_chunk_header = on_chunk;
	settings.on_body = on_body;
	settings.on_message_complete = on_complete;
	llhttp_init(&oracle.parser, HTTP_REQUEST, &settings);
	all->count = 0;
	while (at < input + size && all->count < REQUESTS_MAX) {
		llhttp_errno_t error =
		    llhttp_execute(&oracle.parser, at, size - (size_t)(at - input));

		all->error = error;
		if (error != HPE_PAUSED)
			return;
		at = llhttp_get_error_pos(&oracle.parser);
		all->requests[all->count].end = (size_t)(at - input);
		all->count++;
		llhttp_resume(&oracle.parser);
	}
}

/* The head was accepted, and the fault is in the chunks. */
static bool
is_about_chunks(const struct all *theirs, const struct one *ours)
{
	const struct one *unfinished = &theirs->requests[theirs->count];

	return ours->is_chunked &&
	       (unfinished->chunks > 0 || theirs->error == HPE_INVALID_CHUNK_SIZE ||
		   theirs->error == HPE_STRICT);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct all ours, theirs;
	char *input = malloc(size + 1);

	memcpy(input, data, size);
	read_all(&ours, input, size);
	ask_oracle(&theirs, input, size);
	for (int i = 0; i < ours.count && i < theirs.count; i++) {
		const struct one *a = &ours.requests[i], *b = &theirs.requests[i];

		REQUIRE(str_equal(a->method, b->method));
		REQUIRE(str_equal(a->target, b->target));
		REQUIRE(a->fields == b->fields);
		REQUIRE(a->body_length == b->body_length);
		REQUIRE(memcmp(a->body, b->body, a->body_length) == 0);
		REQUIRE(a->end == b->end);
	}
	if (ours.count > theirs.count)
		REQUIRE(is_about_chunks(&theirs, &ours.requests[theirs.count]));
	free(input);
	return 0;
}
