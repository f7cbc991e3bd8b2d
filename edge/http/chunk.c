/* A machine with a state for each place in a chunked body; see chunk.h. */
#include "http/chunk.h"

#include "http/octets.h"

enum state {
	SIZE, /* the first: a zeroed reader is at the beginning */
	BLANK,
	EXTENSION,
	SIZE_LF,
	DATA,
	DATA_CR,
	DATA_LF,
	TRAILER,
	TRAILER_NAME,
	TRAILER_VALUE,
	TRAILER_LF,
	LAST_LF,
};

static struct refusal take(struct chunk_reader *chunks, char c, size_t body_max);
static struct refusal take_digit(struct chunk_reader *chunks, int digit, size_t body_max);
static struct refusal after_size(struct chunk_reader *chunks, char c);
static struct refusal take_trailer(struct chunk_reader *chunks, char c);
static struct refusal expect(struct chunk_reader *chunks, char c, char expected, int next);
static struct refusal begin_chunk(struct chunk_reader *chunks);
static int digit_of(char c);

static struct refusal
refused(const char *reason)
{
	return (struct refusal){.status = 400, .reason = reason};
}

struct chunk_progress
chunk_read(struct chunk_reader *chunks, char *bytes, size_t count, size_t body_max)
{
	struct chunk_progress p = {.used = 0};

	while (p.used < count && !chunks->is_complete && p.refusal.status == 0) {
		size_t piece = count - p.used;

		if (chunks->state != DATA) {
			p.refusal = take(chunks, bytes[p.used++], body_max);
			continue;
		}
		if (piece > chunks->size)
			piece = chunks->size;
		memmove(bytes + p.data, bytes + p.used, piece);
		p.used += piece;
		p.data += piece;
		chunks->size -= piece;
		if (chunks->size == 0)
			chunks->state = DATA_CR;
	}
	return p;
}

/* One byte that is not data. */
static struct refusal
take(struct chunk_reader *chunks, char c, size_t body_max)
{
	int digit = digit_of(c);

	if (++chunks->overhead > CHUNK_OVERHEAD_MAX)
		return refused("too many bytes between chunks");
	switch ((enum state)chunks->state) {
	case SIZE:
		if (digit >= 0)
			return take_digit(chunks, digit, body_max);
		if (chunks->digits == 0)
			return refused("malformed chunk size");
		return after_size(chunks, c);
	case BLANK:
		return c == '\r' ? refused("malformed chunk size") : after_size(chunks, c);
	case EXTENSION:
		if (c == '\r')
			chunks->state = SIZE_LF;
		else if (!octet_is_value(c))
			return refused("malformed chunk extension");
		break;
	case SIZE_LF:
		return c == '\n' ? begin_chunk(chunks) : refused("CR without LF");
	case DATA:
		break;
	case DATA_CR:
		return expect(chunks, c, '\r', DATA_LF);
	case DATA_LF:
		return expect(chunks, c, '\n', SIZE);
	case TRAILER:
	case TRAILER_NAME:
	case TRAILER_VALUE:
		return take_trailer(chunks, c);
	case TRAILER_LF:
		return expect(chunks, c, '\n', TRAILER);
	case LAST_LF:
		chunks->is_complete = c == '\n';
		if (c != '\n')
			return refused("CR without LF");
		break;
	}
	return (struct refusal){.status = 0};
}

/* chunk-size is bounded in digits, so that it cannot wrap around, and by what the body may have. */
static struct refusal
take_digit(struct chunk_reader *chunks, int digit, size_t body_max)
{
	if (++chunks->digits > CHUNK_SIZE_DIGITS_MAX)
		return refused("chunk size too long");
	chunks->size = chunks->size * 16 + (size_t)digit;
	if (chunks->size > body_max - chunks->length)
		return (struct refusal){.status = 413, .reason = "the body is too long"};
	return (struct refusal){.status = 0};
}

/* chunk-ext = *( BWS ";" BWS chunk-ext-name [ BWS "=" BWS chunk-ext-val ] ) */
static struct refusal
after_size(struct chunk_reader *chunks, char c)
{
	if (c == '\r')
		chunks->state = SIZE_LF;
	else if (c == ';')
		chunks->state = EXTENSION;
	else if (c == ' ' || c == '\t')
		chunks->state = BLANK;
	else
		return refused("malformed chunk size");
	return (struct refusal){.status = 0};
}

static struct refusal
begin_chunk(struct chunk_reader *chunks)
{
	size_t granted = CHUNK_OVERHEAD_EACH + 2 * chunks->size;

	chunks->digits = 0;
	chunks->length += chunks->size;
	chunks->state = chunks->size > 0 ? DATA : TRAILER;
	if (chunks->size > 0)
		chunks->overhead -= chunks->overhead < granted ? chunks->overhead : granted;
	return (struct refusal){.status = 0};
}

/* Fields that nobody reads: a trailer must not change what the head has said (RFC 9110
 * section 6.5.1). */
static struct refusal
take_trailer(struct chunk_reader *chunks, char c)
{
	if (chunks->state == TRAILER_VALUE) {
		if (c == '\r')
			chunks->state = TRAILER_LF;
		else if (!octet_is_value(c))
			return refused("control character in a trailer");
	} else if (chunks->state == TRAILER && c == '\r') {
		chunks->state = LAST_LF;
	} else if (chunks->state == TRAILER_NAME && c == ':') {
		chunks->state = TRAILER_VALUE;
	} else if (octet_is_token(c)) {
		chunks->state = TRAILER_NAME;
	} else {
		return refused("malformed trailer");
	}
	return (struct refusal){.status = 0};
}

static struct refusal
expect(struct chunk_reader *chunks, char c, char expected, int next)
{
	if (c != expected)
		return refused("a chunk does not end with CRLF");
	chunks->state = next;
	return (struct refusal){.status = 0};
}

static int
digit_of(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = str_lower(c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}
