/*
 * Mails: each kind in each language, what a user typed escaped, and bytes that another
 * implementation of MIME (Python's) reads back as they were meant.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "http/head.h"
#include "mail/mail.h"
#include "mail/message.h"
#include "mailed.h"
#include "template.h"

#define ARGS                                                                                       \
	"{\"name\":\"Ada\",\"token\":\"t0ken\",\"callbackURL\":\"/a?b=c d\",\"newEmail\":"         \
	"\"new@example.com\",\"device\":\"Firefox\",\"ip\":\"192.0.2.1\",\"organization\":"        \
	"\"Engines & Söhne\",\"inviter\":\"<b>Eve</b>\",\"invitationId\":\"inv1\",\"code\":"      \
	"\"123456\",\"newUserCallbackURL\":\"\",\"errorCallbackURL\":\"/"                          \
	"e\",\"left\":\"9\",\"minutes\":\"15\"}"

static char out_memory[MAIL_BYTES_MAX], reason_memory[1024];

static struct mail
mail_of(const char *kind, const char *locale, const char *args)
{
	return (struct mail){
	    .kind = str_from(kind),
	    .recipient = STR("ada@example.com"),
	    .locale = str_from(locale),
	    .args = str_from(args),
	    .id = STR("abc123"),
	    .from = STR("Mana <noreply@mana.how>"),
	    .base_url = STR("https://auth.example.com"),
	    .date = 1795432801, /* Mon, 23 Nov 2026 11:20:01 UTC */
	};
}

/* What Python makes of a message: one field of it, or a part's text. */
static char *
python_reads(const char *message, const char *expression)
{
	static char answer[MAIL_BYTES_MAX];
	static const char program[] = "import email, email.policy, sys\n"
				      "m = email.message_from_binary_file(open(sys.argv[1], 'rb'), "
				      "policy=email.policy.default)\n"
				      "part = lambda kind: m.get_body((kind,)).get_content()\n"
				      "assert not m.defects, m.defects\n"
				      "sys.stdout.write(str(eval(sys.argv[2])))\n";
	char path[] = "/tmp/mana-mail-XXXXXX", command[2048];
	int fd = mkstemp(path);
	FILE *pipe;
	size_t count;

	assert_true(fd >= 0);
	assert_int_equal(write(fd, message, strlen(message)), strlen(message));
	assert_int_equal(close(fd), 0);
	assert_true(snprintf(command, sizeof(command), "python3 -c \"%s\" %s \"%s\"", program, path,
			expression) < (int)sizeof(command));
	pipe = popen(command, "r");
	assert_non_null(pipe);
	count = fread(answer, 1, sizeof(answer) - 1, pipe);
	answer[count] = '\0';
	assert_int_equal(pclose(pipe), 0);
	assert_int_equal(unlink(path), 0);
	return answer;
}

static const char *
written(struct mail mail)
{
	struct buf out = BUF_ON(out_memory), reason = BUF_ON(reason_memory);

	if (!mail_write(&out, &reason, &mail))
		fail_msg("%s: %s", mail.kind.p, buf_cstr(&reason));
	assert_non_null(buf_cstr(&out));
	return out_memory;
}

static const char *
refused(struct mail mail)
{
	struct buf out = BUF_ON(out_memory), reason = BUF_ON(reason_memory);

	assert_false(mail_write(&out, &reason, &mail));
	return buf_cstr(&reason);
}

static void
each_kind_can_be_written_in_each_language(void **state)
{
	static const char *const kinds[] = {
#define MAIL(kind, link) #kind,
#include "mail/kinds.def"
#undef MAIL
	};
	static const char *const locales[] = {"de", "en", "en-GB", "fr"};

	(void)state;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		for (size_t j = 0; j < sizeof(locales) / sizeof(locales[0]); j++) {
			const char *message = written(mail_of(kinds[i], locales[j], ARGS));

			assert_null(strchr(message, '{'));
			for (const char *p = message; *p != '\0'; p++)
				assert_true(*p != '\n' || p[-1] == '\r');
		}
}

static void
python_reads_what_was_meant(void **state)
{
	const char *message = written(mail_of("verify_email", "de", ARGS));

	(void)state;
	assert_string_equal(python_reads(message, "m['Subject']"), "E-Mail bestätigen — Mana");
	assert_string_equal(python_reads(message, "m['From']"), "Mana <noreply@mana.how>");
	assert_string_equal(python_reads(message, "m['Message-ID']"), "<abc123@mana.how>");
	assert_string_equal(
	    python_reads(message, "m['Date'].datetime.isoformat()"), "2026-11-23T11:20:01+00:00");
	assert_string_equal(python_reads(message, "m['Auto-Submitted']"), "auto-generated");
	assert_string_equal(python_reads(message, "m.get_content_type()"), "multipart/alternative");
	assert_non_null(strstr(python_reads(message, "part('plain')"),
	    "\nhttps://auth.example.com/api/auth/"
	    "verify-email?token=t0ken&callbackURL=%2Fa%3Fb%3Dc%20d\n"));
	assert_non_null(strstr(python_reads(message, "part('html')"),
	    "href=\"https://auth.example.com/api/auth/"
	    "verify-email?token=t0ken&amp;callbackURL=%2Fa%3Fb%3Dc%20d\""));
}

static void
a_link_has_no_empty_parameters(void **state)
{
	(void)state;
	assert_non_null(strstr(
	    python_reads(written(mail_of("magic_link", "en", ARGS)), "part('plain')"),
	    "/magic-link/verify?token=t0ken&callbackURL=%2Fa%3Fb%3Dc%20d&errorCallbackURL=%2Fe\n"));
	assert_non_null(
	    strstr(python_reads(written(mail_of("magic_link", "en",
				    "{\"name\":\"\",\"token\":\"t\",\"callbackURL\":\"/&x=\","
				    "\"newUserCallbackURL\":\"/n\",\"errorCallbackURL\":\"\"}")),
		       "part('plain')"),
		"/magic-link/verify?token=t&callbackURL=%2F%26x%3D&newUserCallbackURL=%2Fn\n"));
}

static void
what_a_user_typed_is_escaped(void **state)
{
	const char *message = written(mail_of("invitation", "de", ARGS));

	(void)state;
	assert_string_equal(
	    python_reads(message, "m['Subject']"), "Einladung: Engines & Söhne — Mana");
	assert_non_null(strstr(python_reads(message, "part('html')"), "&lt;b&gt;Eve&lt;/b&gt;"));
	assert_non_null(strstr(python_reads(message, "part('plain')"), "<b>Eve</b>"));
}

static void
a_value_cannot_add_a_header(void **state)
{
	const char *message = written(mail_of("invitation", "en",
	    "{\"organization\":\"x\\r\\nBcc: eve@example.com\",\"inviter\":\"i\",\"invitationId\":"
	    "\"1\"}"));

	(void)state;
	assert_string_equal(python_reads(message, "m['Bcc']"), "None");
	assert_string_equal(python_reads(message, "m['Subject']"),
	    "Invitation: x Bcc: eve (at) example. com — Mana");
}

/* A value as JSON: `count` times a character, as it stands in the arguments. */
static void
member_add(struct buf *args, const char *name, const char *json_char, size_t count)
{
	buf_char(args, args->len == 0 ? '{' : ',');
	buf_json_str(args, str_from(name));
	buf_str(args, STR(":\""));
	for (size_t i = 0; i < count; i++)
		buf_str(args, str_from(json_char));
	buf_char(args, '"');
}

/* The longest arguments that SQL makes, of characters that grow most in JSON, in HTML or in
 * quoted-printable. One of the URLs takes all of the bytes that they have together. */
static const char *
longest_args(const char *name_char, size_t name_count, const char *url_char, const char *long_url)
{
	static const char *const names[] = {"name", "organization", "inviter"};
	static const char *const urls[] = {"callbackURL", "newUserCallbackURL", "errorCallbackURL"};
	static const char *const ids[] = {"token", "invitationId", "code", "ip", "left", "minutes"};
	static char memory[32 * 1024];
	struct buf args = BUF_ON(memory);

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		member_add(&args, names[i], name_char, name_count);
	member_add(&args, "device", name_char, 512 / 4); /* bytes of a user agent */
	member_add(&args, "newEmail", "x", 254);
	for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++)
		member_add(&args, urls[i], url_char,
		    strcmp(urls[i], long_url) != 0 ? 0
		    : strcmp(url_char, "x") == 0   ? MAILED_URLS_MAX
						   : MAILED_URLS_MAX / 3);
	for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++)
		member_add(&args, ids[i], "x", 64);
	buf_char(&args, '}');
	return buf_cstr(&args);
}

static void
the_longest_arguments_make_a_mail_and_a_link_that_the_edge_reads(void **state)
{
	static const char *const kinds[] = {
#define MAIL(kind, link) #kind,
#include "mail/kinds.def"
#undef MAIL
	};
	static const struct {
		const char *json_char;
		size_t count;
	} names[] = {
	    {"\\u0001", MAILED_NAME_MAX},              /* longest in JSON */
	    {"\\\"", MAILED_NAME_MAX},                 /* longest in HTML */
	    {"\xe2\x82\xac", MAILED_NAME_MAX},         /* longest in UTF-8 for its units */
	    {"\xf0\x9f\x98\x80", MAILED_NAME_MAX / 2}, /* two units */
	    {"@", MAILED_NAME_MAX},                    /* longest as plain text */
	};
	static const char *const url_chars[] = {"x", "&", "\\\"", "="};
	static const char *const urls[] = {"callbackURL", "newUserCallbackURL", "errorCallbackURL"};

	(void)state;
	for (size_t k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++)
		for (size_t n = 0; n < sizeof(names) / sizeof(names[0]); n++)
			for (size_t u = 0; u < sizeof(url_chars) / sizeof(url_chars[0]); u++)
				for (size_t w = 0; w < sizeof(urls) / sizeof(urls[0]); w++) {
					const char *args = longest_args(names[n].json_char,
					    names[n].count, url_chars[u], urls[w]);

					assert_non_null(args);
					assert_non_null(written(mail_of(kinds[k], "de", args)));
					assert_non_null(written(mail_of(kinds[k], "en", args)));
				}
}

static void
the_longest_link_fits_the_request_target(void **state)
{
	static const char *const links[] = {
#define MAIL(kind, link) link,
#include "mail/kinds.def"
#undef MAIL
	};
	enum { TOKEN_BYTES = 32 }; /* the patterns' "{name}" are longer than the other values */

	(void)state;
	for (size_t i = 0; i < sizeof(links) / sizeof(links[0]); i++)
		assert_true(strlen(links[i]) + TOKEN_BYTES + MAILED_URLS_MAX <= HEAD_TARGET_MAX);
}

static void
a_url_is_measured_as_it_stands_in_the_link(void **state)
{
	char memory[4 * 256], all[256];
	struct buf out = BUF_ON(memory);
	struct str text = {all, sizeof(all)};

	(void)state;
	for (size_t i = 0; i < sizeof(all); i++)
		all[i] = (char)i;
	buf_uri(&out, text);
	assert_int_equal(mailed_url_bytes(text), out.len);
}

static void
a_long_subject_is_folded_between_characters(void **state)
{
	struct message m = {
	    .from = STR("Ünïcode Näme <a@b.example>"),
	    .to = STR("c@d.example"),
	    .id = STR("i"),
	    .language = STR("de"),
	    .subject = STR("öööööööööööööööööööööööööööööööööööööööööööööööööööööööööööööööööööö"),
	    .text = STR("= trailing \nno end"),
	    .html = STR("<p>"),
	};
	struct buf out = BUF_ON(out_memory);
	size_t line = 0;

	(void)state;
	assert_true(message_write(&out, &m));
	assert_non_null(buf_cstr(&out));
	assert_string_equal(python_reads(out_memory, "m['Subject']"), m.subject.p);
	assert_string_equal(
	    python_reads(out_memory, "m['From'].addresses[0].display_name"), "Ünïcode Näme");
	assert_string_equal(python_reads(out_memory, "part('plain')"), "= trailing \nno end");
	for (size_t i = 0; i < out.len; i++) {
		line = out_memory[i] == '\n' ? 0 : line + 1;
		assert_true(line <= 77); /* 76 and the CR */
	}
}

static void
what_can_never_be_sent_is_refused_with_a_reason(void **state)
{
	struct mail mail = mail_of("verify_email", "de", ARGS);

	(void)state;
	assert_string_equal(
	    refused(mail_of("nope", "de", ARGS)), "no template for mails of kind nope");
	assert_string_equal(refused(mail_of("otp", "de", "{}")), "arguments lack code");
	assert_string_equal(refused(mail_of("otp", "de", "[")), "arguments are no JSON object");
	mail.recipient = STR("ada@example.com>\r\nRCPT TO:<eve@example.com");
	assert_non_null(strstr(refused(mail), "not a mail address"));
}

static void
an_address_is_found_in_a_mailbox(void **state)
{
	(void)state;
	assert_true(str_equal(message_address(STR("Mana <a@b>")), STR("a@b")));
	assert_true(str_equal(message_address(STR("a@b")), STR("a@b")));
	assert_null(message_address(STR("Mana <a@b")).p);
	assert_null(message_address(STR("a b@c")).p);
	assert_null(message_address(STR("a@b@c")).p);
	assert_null(message_address(STR("@b")).p);
	assert_null(message_address(STR("")).p);
}

static void
a_template_escapes_for_where_it_stands(void **state)
{
	static const struct template_value values[] = {
	    {.name = "a", .value = {"<&\"'>\n", 6}},
	    {.name = "m", .value = {"<i>", 3}, .is_markup = true},
	};
	char memory[256];
	struct buf out = BUF_ON(memory);
	struct str missing;

	(void)state;
	assert_true(
	    template_render(&out, &missing, STR("{a}{m}{ b}{}{1}{"), TEMPLATE_HTML, values, 2));
	assert_string_equal(buf_cstr(&out), "&lt;&amp;&quot;&#39;&gt; <i>{ b}{}{1}{");
	buf_wipe(&out);
	assert_true(template_render(&out, &missing, STR("?x={a}"), TEMPLATE_URI, values, 2));
	assert_string_equal(buf_cstr(&out), "?x=%3C%26%22'%3E%0A");
	buf_wipe(&out);
	assert_false(template_render(&out, &missing, STR("{z}"), TEMPLATE_TEXT, values, 2));
	assert_true(str_equal(missing, STR("z")));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(each_kind_can_be_written_in_each_language),
	    cmocka_unit_test(python_reads_what_was_meant),
	    cmocka_unit_test(a_link_has_no_empty_parameters),
	    cmocka_unit_test(what_a_user_typed_is_escaped),
	    cmocka_unit_test(a_value_cannot_add_a_header),
	    cmocka_unit_test(the_longest_arguments_make_a_mail_and_a_link_that_the_edge_reads),
	    cmocka_unit_test(the_longest_link_fits_the_request_target),
	    cmocka_unit_test(a_url_is_measured_as_it_stands_in_the_link),
	    cmocka_unit_test(a_long_subject_is_folded_between_characters),
	    cmocka_unit_test(what_can_never_be_sent_is_refused_with_a_reason),
	    cmocka_unit_test(an_address_is_found_in_a_mailbox),
	    cmocka_unit_test(a_template_escapes_for_where_it_stands),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
