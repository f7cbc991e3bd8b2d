/* Framing rules for one request head; see guard.h. */
#include "http/guard.h"

#include "str.h"

enum { LENGTH_DIGITS_MAX = 10, HOST_CHARS_MAX = 255, PORT_DIGITS_MAX = 5 };

struct head {
	struct str method;
	bool has_host;
	bool has_length;
	bool expects_continue;
	size_t length;
	int lines;
};

static int check_bytes(struct str head, bool complete);
static int check_lines(struct head *head, struct str lines);
static int check_request_line(struct head *head, struct str line);
static int check_field(struct head *head, struct str line);
static int check_length(struct head *head, struct str value);
static bool is_known_method(struct str method);
static bool is_host(struct str value);
static bool is_host_char(char c);
static bool is_token(struct str text);

struct guard_verdict
guard_check(const char *bytes, size_t count, size_t body_max)
{
	const char *end = count < 4 ? NULL : memmem(bytes, count, "\r\n\r\n", 4);
	struct guard_verdict verdict = {.complete = end != NULL};
	struct str lines = {.p = bytes, .len = end != NULL ? (size_t)(end - bytes) : count};
	struct head head = {0};
	size_t behind;

	verdict.status = check_bytes(lines, verdict.complete);
	if (verdict.status != 0)
		return verdict;
	if (!verdict.complete) {
		verdict.status = count >= GUARD_HEAD_MAX ? 431 : 0;
		return verdict;
	}
	verdict.status = check_lines(&head, lines);
	if (verdict.status != 0)
		return verdict;
	behind = count - lines.len - 4;
	if (!head.has_host)
		verdict.status = 400;
	else if (head.length > 0 &&
		 (str_equal(head.method, STR("GET")) || str_equal(head.method, STR("HEAD")) ||
		     str_equal(head.method, STR("OPTIONS"))))
		verdict.status = 400;
	else if (head.length > body_max)
		verdict.status = 413;
	else if (behind > head.length)
		verdict.status = 400; /* pipelined: the bytes of another request */
	verdict.lacks_length = !head.has_length && (str_equal(head.method, STR("POST")) ||
						       str_equal(head.method, STR("PUT")) ||
						       str_equal(head.method, STR("PATCH")));
	if (verdict.lacks_length && head.lines == GUARD_LINES_MAX)
		verdict.status = 431; /* no line is left to say so */
	verdict.expects_continue = head.expects_continue && behind < head.length;
	verdict.delete_with_body = head.length > 0 && str_equal(head.method, STR("DELETE"));
	return verdict;
}

/* No NUL, no CR without LF, no LF without CR; the last byte of an incomplete head may be a CR. */
static int
check_bytes(struct str head, bool complete)
{
	for (size_t i = 0; i < head.len; i++) {
		bool last = i + 1 == head.len;

		if (head.p[i] == '\0')
			return 400;
		if (head.p[i] == '\n' && (i == 0 || head.p[i - 1] != '\r'))
			return 400;
		if (head.p[i] == '\r' && (last ? complete : head.p[i + 1] != '\n'))
			return 400;
	}
	return 0;
}

static int
check_lines(struct head *head, struct str lines)
{
	int status = 0;

	while (lines.len > 0 && status == 0) {
		const char *cr = memchr(lines.p, '\r', lines.len);
		struct str line = {
		    .p = lines.p, .len = cr != NULL ? (size_t)(cr - lines.p) : lines.len};

		if (++head->lines > GUARD_LINES_MAX)
			return 431;
		status =
		    head->lines == 1 ? check_request_line(head, line) : check_field(head, line);
		lines = str_skip(lines, line.len + 2);
	}
	return head->method.len == 0 && status == 0 ? 400 : status;
}

/* method SP origin-form SP HTTP-version; neither a proxy (absolute-form) nor "*" is served. */
static int
check_request_line(struct head *head, struct str line)
{
	struct str rest, target, version;

	if (!str_cut(&head->method, &rest, line, ' ') || !str_cut(&target, &version, rest, ' ') ||
	    !is_token(head->method))
		return 400;
	if (target.len == 0 || target.p[0] != '/')
		return 400;
	if (target.len > GUARD_TARGET_MAX)
		return 414;
	for (size_t i = 0; i < target.len; i++)
		if (target.p[i] <= ' ' || target.p[i] > '~' || target.p[i] == '#')
			return 400;
	if (!str_equal(version, STR("HTTP/1.1")) && !str_equal(version, STR("HTTP/1.0")))
		return str_starts(version, STR("HTTP/")) ? 505 : 400;
	return is_known_method(head->method) ? 0 : 501;
}

static int
check_field(struct head *head, struct str line)
{
	struct str name, value;

	/* A name is a token right before the colon: no blank, no folded line. */
	if (!str_cut(&name, &value, line, ':') || !is_token(name))
		return 400;
	while (value.len > 0 && (value.p[0] == ' ' || value.p[0] == '\t'))
		value = str_skip(value, 1);
	while (value.len > 0 && (value.p[value.len - 1] == ' ' || value.p[value.len - 1] == '\t'))
		value.len--;
	if (str_equal_nocase(name, STR("transfer-encoding")))
		return 501;
	if (str_equal_nocase(name, STR("content-length")))
		return check_length(head, value);
	if (str_equal_nocase(name, STR("expect"))) {
		head->expects_continue = str_equal_nocase(value, STR("100-continue"));
		return head->expects_continue ? 0 : 417;
	}
	if (str_equal_nocase(name, STR("host"))) {
		if (head->has_host || !is_host(value))
			return 400;
		head->has_host = true;
		return 0;
	}
	/* Kore would take it for Host. */
	return name.len > 4 && str_equal_nocase((struct str){.p = name.p, .len = 4}, STR("host"))
		   ? 400
		   : 0;
}

/* 1*DIGIT, once (RFC 9110 section 8.6; a list of equal values is refused, too). */
static int
check_length(struct head *head, struct str value)
{
	if (head->has_length || value.len == 0)
		return 400;
	head->has_length = true;
	for (size_t i = 0; i < value.len; i++)
		if (value.p[i] < '0' || value.p[i] > '9')
			return 400;
	if (value.len > LENGTH_DIGITS_MAX)
		return 413;
	for (size_t i = 0; i < value.len; i++)
		head->length = head->length * 10 + (size_t)(value.p[i] - '0');
	return 0;
}

static bool
is_known_method(struct str method)
{
	static const char *const known[] = {
	    "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (str_equal(method, str_from(known[i])))
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

/* RFC 9110 section 5.6.2. */
static bool
is_token(struct str text)
{
	for (size_t i = 0; i < text.len; i++) {
		char c = text.p[i];
		bool alphanumeric =
		    (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');

		if (!alphanumeric && (c == '\0' || strchr("!#$%&'*+-.^_`|~", c) == NULL))
			return false;
	}
	return text.len > 0;
}
