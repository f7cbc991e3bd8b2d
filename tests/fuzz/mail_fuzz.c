/* Mails: a byte for the kind, NAME, newline, URL, newline, ADDRESS. A mail has our header lines in
 * their order and no other, short ASCII lines, and goes to the address alone. */
#include "fuzz.h"

#include <jansson.h>

#include "email.h"
#include "mail/mail.h"

enum { LINE_CHARS_MAX = 998, HEADERS = 10 };

static const char *const kinds[] = {
#define MAIL(kind, link) #kind,
#include "mail/kinds.def"
#undef MAIL
};

static const char *const headers[HEADERS] = {
    "From: ", "To: ", "Subject: ", "Date: ", "Message-ID: ", "Content-Language: ",
    "Auto-Submitted: ", "X-Auto-Response-Suppress: ", "MIME-Version: ", "Content-Type: "};

static char *
arguments(struct str name, struct str url)
{
	static const char *const names[] = {"name", "organization", "inviter", "device", "ip",
	    "code", "left", "minutes", "newEmail"};
	static const char *const urls[] = {
	    "callbackURL", "errorCallbackURL", "newUserCallbackURL", "token", "invitationId"};
	json_t *object = json_object();
	char *text;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		(void)json_object_set_new(object, names[i], json_stringn(name.p, name.len));
	for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++)
		(void)json_object_set_new(object, urls[i], json_stringn(url.p, url.len));
	text = json_dumps(object, JSON_COMPACT);
	json_decref(object);
	return text;
}

static struct str
line_take(struct str *rest)
{
	const char *end = memmem(rest->p, rest->len, "\r\n", 2);
	struct str line = *rest;

	REQUIRE(end != NULL);
	line.len = (size_t)(end - rest->p);
	*rest = str_skip(*rest, line.len + 2);
	return line;
}

static void
check_headers(struct str *rest, struct str address)
{
	int at = -1;

	for (struct str line = line_take(rest); line.len > 0; line = line_take(rest)) {
		if (line.p[0] == ' ') { /* a header goes on */
			REQUIRE(at >= 0);
			continue;
		}
		REQUIRE(++at < HEADERS && str_starts(line, str_from(headers[at])));
		if (at == 1)
			REQUIRE(str_equal(str_skip(line, 4), address));
	}
	REQUIRE(at == HEADERS - 1);
}

static void
check_message(struct str rest, struct str address)
{
	REQUIRE(rest.len <= MAIL_BYTES_MAX);
	check_headers(&rest, address);
	while (rest.len > 0) {
		struct str line = line_take(&rest);

		REQUIRE(line.len <= LINE_CHARS_MAX);
		for (size_t i = 0; i < line.len; i++)
			REQUIRE(line.p[i] >= ' ' && line.p[i] <= '~');
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char memory[MAIL_BYTES_MAX];
	char why[1024];
	struct buf out = BUF_ON(memory), reason = BUF_ON(why);
	struct str rest, name, url, address;
	char *args;

	if (size == 0)
		return 0;
	rest = str_skip((struct str){(const char *)data, size}, 1);
	(void)str_cut(&name, &rest, rest, '\n');
	(void)str_cut(&url, &address, rest, '\n');
	args = arguments(name, url.p != NULL ? url : STR(""));
	REQUIRE(args != NULL);
	const struct mail mail = {
	    .kind = str_from(kinds[data[0] % (sizeof(kinds) / sizeof(kinds[0]))]),
	    .recipient = address.p != NULL ? address : STR("ada@mana.test"),
	    .locale = data[0] & 128 ? STR("en") : STR("de-AT"),
	    .args = str_from(args),
	    .id = STR("0123456789abcdef"),
	    .from = STR("Mana <noreply@mana.test>"),
	    .base_url = STR("https://auth.mana.test"),
	    .date = 1800000000,
	};
	if (mail_write(&out, &reason, &mail))
		check_message(buf_view(&out), mail.recipient);
	else
		REQUIRE(reason.len > 0);
	free(args);
	return 0;
}
