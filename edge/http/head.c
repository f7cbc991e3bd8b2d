/* A request head, line by line; see head.h. */
#include "http/head.h"

#include "http/octets.h"

enum { LENGTH_DIGITS_MAX = 10, HOST_CHARS_MAX = 255, PORT_DIGITS_MAX = 5 };

/* What the lines have said so far. */
struct framing {
	bool has_host;
	bool has_length;
	bool has_encoding;
};

static const struct refusal fine = {.status = 0};

static struct refusal
check_new_bytes(const struct head_scan *scan, const char *bytes, size_t count);
static struct refusal read_request_line(struct head *head, struct str line);
static struct refusal read_target(struct head *head, struct str target);
static struct refusal read_authority(struct head *head, struct str *target);
static struct refusal read_version(struct head *head, struct str version);
static struct refusal
read_field(struct head *head, struct framing *framing, char *line, size_t length);
static struct refusal
read_framing_field(struct head *head, struct framing *framing, struct str name, struct str raw);
static struct refusal read_length(struct head *head, struct framing *framing, struct str raw);
static struct refusal read_encoding(struct head *head, struct framing *framing, struct str raw);
static struct refusal
check_framing(const struct head *head, const struct framing *framing, size_t body_max);
static bool is_served(struct str method);
static bool is_host(struct str value);
static bool is_host_char(char c);

static struct refusal
refused(int status, const char *reason)
{
	return (struct refusal){.status = status, .reason = reason};
}

size_t
head_end(struct head_scan *scan, const char *bytes, size_t count)
{
	size_t from;
	const char *end;

	while (scan->seen == scan->start && count - scan->start >= 2 &&
	       bytes[scan->start] == '\r' && bytes[scan->start + 1] == '\n') {
		scan->start += 2;
		scan->seen = scan->start;
		if (++scan->empty_lines > HEAD_EMPTY_LINES_MAX)
			scan->refusal = refused(400, "too many empty lines before a request");
	}
	if (scan->refusal.status != 0)
		return 0;
	from = scan->seen - scan->start < 3 ? scan->start : scan->seen - 3;
	end = count > from ? memmem(bytes + from, count - from, "\r\n\r\n", 4) : NULL;
	if (end != NULL && (size_t)(end - bytes) + 4 - scan->start <= HEAD_BYTES_MAX)
		return (size_t)(end - bytes) + 4;
	scan->refusal = check_new_bytes(scan, bytes, count);
	if (!scan->has_request_line && count > scan->start)
		scan->has_request_line =
		    memmem(bytes + scan->start, count - scan->start, "\r\n", 2) != NULL;
	if (scan->refusal.status == 0 && count - scan->start >= HEAD_BYTES_MAX)
		scan->refusal = scan->has_request_line
				    ? refused(431, "the head is longer than 32 kB")
				    : refused(414, "the request line is longer than 32 kB");
	/* A CR alone may be the first half of an empty line. */
	if (count != scan->start + 1 || bytes[scan->start] != '\r')
		scan->seen = count;
	return 0;
}

/* So that a client that speaks something else is told at once: no NUL, no CR without LF, no LF
 * without CR. The last byte may be a CR. */
static struct refusal
check_new_bytes(const struct head_scan *scan, const char *bytes, size_t count)
{
	size_t from = scan->seen > scan->start ? scan->seen - 1 : scan->start;

	for (size_t i = from; i < count; i++) {
		if (bytes[i] == '\0')
			return refused(400, "NUL in the head");
		if (bytes[i] == '\n' && (i == scan->start || bytes[i - 1] != '\r'))
			return refused(400, "LF without CR");
		if (bytes[i] == '\r' && i + 1 < count && bytes[i + 1] != '\n')
			return refused(400, "CR without LF");
	}
	return fine;
}

struct refusal
head_read(struct head *head, char *bytes, size_t count, size_t body_max)
{
	struct framing framing = {.has_host = false};
	char *end = bytes + count;
	int lines = 0;

	head->method = head->path = head->query = head->host = STR_NONE;
	head->is_http_1_0 = head->closes = head->expects_continue = head->is_chunked = false;
	head->length = 0;
	head->fields_count = 0;
	for (char *line = bytes; end - line > 2; lines++) { /* the last two are the empty line */
		char *cr = memchr(line, '\r', (size_t)(end - line));
		size_t length = cr != NULL ? (size_t)(cr - line) : 0;
		struct refusal refusal;

		if (cr == NULL || end - cr < 2 || cr[1] != '\n')
			return refused(400, "CR without LF");
		refusal = lines == 0
			      ? read_request_line(head, (struct str){.p = line, .len = length})
			      : read_field(head, &framing, line, length);
		if (refusal.status != 0)
			return refusal;
		line = cr + 2;
	}
	if (lines == 0)
		return refused(400, "no request line");
	return check_framing(head, &framing, body_max);
}

/* method SP request-target SP HTTP-version (RFC 9112 section 3). */
static struct refusal
read_request_line(struct head *head, struct str line)
{
	struct str method, rest, target, version;
	struct refusal refusal;

	if (!str_cut(&method, &rest, line, ' ') || !octets_are_token(method) ||
	    !str_cut(&target, &version, rest, ' '))
		return refused(400, "malformed request line");
	if (str_equal(method, STR("CONNECT"))) /* its target has a form of its own */
		return refused(501, "method not implemented");
	if (is_served(method))
		head->method = method;
	refusal = read_target(head, target);
	if (refusal.status == 0)
		refusal = read_version(head, version);
	if (refusal.status == 0 && head->method.p == NULL)
		refusal = refused(501, "method not implemented");
	return refusal;
}

/* origin-form, absolute-form, and asterisk-form for OPTIONS (RFC 9112 section 3.2). */
static struct refusal
read_target(struct head *head, struct str target)
{
	bool is_options = str_equal(head->method, STR("OPTIONS"));
	bool is_absolute = target.len > 0 && target.p[0] != '/' && target.p[0] != '*';
	struct refusal refusal = fine;

	if (target.len > HEAD_TARGET_MAX)
		return refused(414, "the target is longer than 16 kB");
	for (size_t i = 0; i < target.len; i++)
		if (target.p[i] <= ' ' || target.p[i] > '~' || target.p[i] == '#')
			return refused(400, "the target has characters that no URI has");
	if (target.len == 0)
		return refused(400, "malformed request line");
	if (is_absolute)
		refusal = read_authority(head, &target);
	if (refusal.status != 0)
		return refusal;
	(void)str_cut(&head->path, &head->query, target, '?');
	if (head->path.len == 0) /* RFC 9112 section 3.2.4 */
		head->path = is_options && head->query.p == NULL ? STR("*") : STR("/");
	if (head->path.p[0] != '*')
		return fine;
	return is_options && head->path.len == 1 && head->query.p == NULL
		   ? fine
		   : refused(400, "the target is neither a path nor a URL");
}

/* "http" "://" authority: it replaces Host (RFC 9112 section 3.2.2). */
static struct refusal
read_authority(struct head *head, struct str *target)
{
	static const struct str schemes[] = {{"http://", 7}, {"https://", 8}};
	struct str host;

	for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
		size_t length = schemes[i].len;

		if (target->len < length ||
		    !str_equal_nocase((struct str){target->p, length}, schemes[i]))
			continue;
		host = str_skip(*target, length);
		for (length = 0;
		     length < host.len && host.p[length] != '/' && host.p[length] != '?'; length++)
			;
		*target = str_skip(host, length);
		host.len = length;
		head->host = host;
		return is_host(host) ? fine : refused(400, "the target names no valid host");
	}
	return refused(400, "the target is neither a path nor a URL");
}

static struct refusal
read_version(struct head *head, struct str version)
{
	head->is_http_1_0 = str_equal(version, STR("HTTP/1.0"));
	head->closes = head->is_http_1_0;
	if (head->is_http_1_0 || str_equal(version, STR("HTTP/1.1")))
		return fine;
	if (version.len == 8 && str_starts(version, STR("HTTP/")) && version.p[5] >= '0' &&
	    version.p[5] <= '9' && version.p[6] == '.' && version.p[7] >= '0' &&
	    version.p[7] <= '9')
		return refused(505, "HTTP version not supported");
	return refused(400, "malformed request line");
}

/* field-name ":" OWS field-value OWS (RFC 9112 section 5): no blank before the colon, no folding.
 */
static struct refusal
read_field(struct head *head, struct framing *framing, char *line, size_t length)
{
	struct str name, raw, value;

	if (!str_cut(&name, &raw, (struct str){.p = line, .len = length}, ':') ||
	    !octets_are_token(name))
		return refused(400, "malformed field name");
	if (!octets_are_value(raw))
		return refused(400, "control character in a field value");
	if (head->fields_count == HEAD_FIELDS_MAX)
		return refused(431, "more than 100 fields");
	for (size_t i = 0; i < name.len; i++)
		line[i] = str_lower(line[i]);
	value = octets_trim(raw);
	head->fields[head->fields_count++] = (struct header){.name = name, .value = value};
	return read_framing_field(head, framing, name, raw);
}

/* The fields that decide where a request ends and what becomes of the connection. */
static struct refusal
read_framing_field(struct head *head, struct framing *framing, struct str name, struct str raw)
{
	struct str value = octets_trim(raw);

	if (str_equal(name, STR("host"))) {
		if (framing->has_host || !is_host(value))
			return refused(400, "not exactly one valid Host");
		framing->has_host = true;
		if (head->host.p == NULL)
			head->host = value;
	} else if (str_equal(name, STR("content-length"))) {
		return read_length(head, framing, raw);
	} else if (str_equal(name, STR("transfer-encoding"))) {
		return read_encoding(head, framing, raw);
	} else if (str_equal(name, STR("connection"))) {
		head->closes = head->closes || octets_list_has(value, STR("close"));
	} else if (str_equal(name, STR("expect")) && !head->is_http_1_0) {
		if (!str_equal_nocase(value, STR("100-continue")))
			return refused(417, "unknown expectation");
		head->expects_continue = true;
	}
	return fine;
}

/* 1*DIGIT, once (RFC 9110 section 8.6; a list of equal values is refused, too). Other parsers
 * disagree about HTAB around it. */
static struct refusal
read_length(struct head *head, struct framing *framing, struct str raw)
{
	struct str value = octets_trim(raw);

	if (framing->has_length)
		return refused(400, "more than one Content-Length");
	framing->has_length = true;
	if (value.len == 0 || str_has(raw, '\t'))
		return refused(400, "invalid Content-Length");
	for (size_t i = 0; i < value.len; i++)
		if (value.p[i] < '0' || value.p[i] > '9')
			return refused(400, "invalid Content-Length");
	if (value.len > LENGTH_DIGITS_MAX)
		return refused(413, "the body is too long");
	for (size_t i = 0; i < value.len; i++)
		head->length = head->length * 10 + (size_t)(value.p[i] - '0');
	return fine;
}

/* "chunked", once (RFC 9112 section 6.1). */
static struct refusal
read_encoding(struct head *head, struct framing *framing, struct str raw)
{
	struct str value = octets_trim(raw);

	if (framing->has_encoding || head->is_http_1_0 || str_has(raw, '\t'))
		return refused(400, "invalid Transfer-Encoding");
	framing->has_encoding = true;
	if (!str_equal_nocase(value, STR("chunked")))
		return refused(501, "transfer coding not implemented");
	head->is_chunked = true;
	return fine;
}

static struct refusal
check_framing(const struct head *head, const struct framing *framing, size_t body_max)
{
	bool has_body = head->length > 0 || head->is_chunked;

	if (!framing->has_host && !head->is_http_1_0)
		return refused(400, "not exactly one valid Host");
	if (framing->has_length && framing->has_encoding)
		return refused(400, "Transfer-Encoding beside Content-Length");
	if (has_body &&
	    (str_equal(head->method, STR("GET")) || str_equal(head->method, STR("HEAD")) ||
		str_equal(head->method, STR("OPTIONS"))))
		return refused(400, "a body where the method has none");
	if (head->length > body_max)
		return refused(413, "the body is too long");
	return fine;
}

/* Methods are case-sensitive (RFC 9110 section 9.1). */
static bool
is_served(struct str method)
{
	static const struct str served[] = {{"GET", 3}, {"HEAD", 4}, {"POST", 4}, {"PUT", 3},
	    {"PATCH", 5}, {"DELETE", 6}, {"OPTIONS", 7}};

	for (size_t i = 0; i < sizeof(served) / sizeof(served[0]); i++)
		if (str_equal(method, served[i]))
			return true;
	return false;
}

/* uri-host [ ":" port ] (RFC 9112 section 3.2, RFC 3986 section 3.2.2), without sub-delims and
 * percent-encoding, which no name of the DNS has. */
static bool
is_host(struct str value)
{
	struct str host = value, port = STR("");
	size_t length;

	if (value.len > 0 && value.p[0] == '[') {
		const char *end = memchr(value.p, ']', value.len);

		length = end != NULL ? (size_t)(end - value.p) + 1 : 0;
		if (length < 4) /* "[::]" */
			return false;
		host = (struct str){.p = value.p + 1, .len = length - 2};
		for (size_t i = 0; i < host.len; i++)
			if (memchr("0123456789abcdefABCDEF:.", host.p[i], 24) == NULL)
				return false;
		port = str_skip(value, length);
		if (port.len > 0 && port.p[0] != ':')
			return false;
		port = str_skip(port, 1);
	} else {
		(void)str_cut(&host, &port, value, ':');
		for (size_t i = 0; i < host.len; i++)
			if (!is_host_char(host.p[i]))
				return false;
	}
	for (size_t i = 0; i < port.len; i++)
		if (port.p[i] < '0' || port.p[i] > '9')
			return false;
	return host.len > 0 && host.len <= HOST_CHARS_MAX && port.len <= PORT_DIGITS_MAX;
}

static bool
is_host_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '-' || c == '.' || c == '_' || c == '~';
}
