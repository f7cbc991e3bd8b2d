/*
 * Mails as bytes. Nothing that a user typed can add a header or end the body: addresses are
 * checked, header text is encoded, bodies are quoted-printable.
 */
#include "mail/message.h"

#include "base64.h"

enum {
	HEADER_PLAIN_MAX = 60,   /* longer text is folded, as encoded words */
	ENCODED_WORD_BYTES = 39, /* with "Subject: " within the 76 of RFC 2047 section 2 */
	LINE_MAX_CHARS = 76      /* RFC 2045 section 6.7 (5) */
};

static void headers_write(struct buf *out, const struct message *m, struct str from_address);
static void mailbox_write(struct buf *out, struct str mailbox, struct str address);
static void header_text_write(struct buf *out, struct str text);
static void encoded_words_write(struct buf *out, struct str text);
static void date_write(struct buf *out, time_t date);
static void part_write(struct buf *out, const struct message *m, struct str type, struct str body);
static void boundary_write(struct buf *out, const struct message *m);
static void quoted_printable_write(struct buf *out, struct str text);
static size_t character_bytes(unsigned char first);
static bool is_plain(struct str text);

bool
message_write(struct buf *out, const struct message *m)
{
	struct str from_address = message_address(m->from);

	if (from_address.p == NULL || !str_equal(message_address(m->to), m->to))
		return false;
	headers_write(out, m, from_address);
	part_write(out, m, STR("text/plain"), m->text);
	part_write(out, m, STR("text/html"), m->html);
	boundary_write(out, m);
	buf_str(out, STR("--\r\n"));
	return buf_ok(out);
}

struct str
message_address(struct str mailbox)
{
	struct str address = mailbox;
	struct str local, domain;

	for (size_t i = 0; i < mailbox.len; i++)
		if (mailbox.p[i] == '<')
			address = str_skip(mailbox, i + 1);
	if (address.len != mailbox.len) {
		if (!str_ends(address, STR(">")))
			return STR_NONE;
		address.len--;
	}
	for (size_t i = 0; i < address.len; i++)
		if (address.p[i] <= ' ' || address.p[i] > '~' ||
		    memchr("<>(),;:\"[]\\", address.p[i], 11) != NULL)
			return STR_NONE;
	if (!str_cut(&local, &domain, address, '@') || local.len == 0 || domain.len == 0 ||
	    memchr(domain.p, '@', domain.len) != NULL)
		return STR_NONE;
	return address;
}

static void
headers_write(struct buf *out, const struct message *m, struct str from_address)
{
	struct str local, domain;

	(void)str_cut(&local, &domain, from_address, '@'); /* message_address saw the "@" */
	buf_str(out, STR("From: "));
	mailbox_write(out, m->from, from_address);
	buf_str(out, STR("\r\nTo: "));
	buf_str(out, m->to);
	buf_str(out, STR("\r\nSubject: "));
	header_text_write(out, m->subject);
	buf_str(out, STR("\r\nDate: "));
	date_write(out, m->date);
	buf_str(out, STR("\r\nMessage-ID: <"));
	buf_str(out, m->id);
	buf_char(out, '@');
	buf_str(out, domain);
	buf_str(out, STR(">\r\nContent-Language: "));
	buf_str(out, m->language);
	/* RFC 3834: no out-of-office answers, please. */
	buf_str(out, STR("\r\nAuto-Submitted: auto-generated\r\n"
			 "X-Auto-Response-Suppress: All\r\n"
			 "MIME-Version: 1.0\r\n"
			 "Content-Type: multipart/alternative; boundary=\"=_"));
	buf_str(out, m->id);
	buf_str(out, STR("\"\r\n\r\n"));
}

static void
mailbox_write(struct buf *out, struct str mailbox, struct str address)
{
	struct str name = {.p = mailbox.p, .len = (size_t)(address.p - mailbox.p)};

	while (name.len > 0 && (name.p[name.len - 1] == '<' || name.p[name.len - 1] == ' '))
		name.len--;
	if (name.len > 0) {
		encoded_words_write(out, name);
		buf_char(out, ' ');
	}
	buf_char(out, '<');
	buf_str(out, address);
	buf_char(out, '>');
}

static void
header_text_write(struct buf *out, struct str text)
{
	if (text.len <= HEADER_PLAIN_MAX && is_plain(text))
		buf_str(out, text);
	else
		encoded_words_write(out, text);
}

/* RFC 2047 section 2 and 5: a word holds whole characters only. */
static void
encoded_words_write(struct buf *out, struct str text)
{
	while (text.len > 0) {
		char word[ENCODED_WORD_BYTES];
		size_t taken = 0;

		while (taken < text.len) {
			size_t bytes = character_bytes((unsigned char)text.p[taken]);

			if (bytes > text.len - taken)
				bytes = text.len - taken;
			if (taken + bytes > sizeof(word))
				break;
			memcpy(word + taken, text.p + taken, bytes);
			taken += bytes;
		}
		for (size_t i = 0; i < taken; i++)
			if ((unsigned char)word[i] < ' ' || word[i] == 0x7f)
				word[i] = ' ';
		buf_str(out, STR("=?UTF-8?B?"));
		base64_encode(out, word, taken);
		buf_str(out, STR("?="));
		text = str_skip(text, taken);
		if (text.len > 0)
			buf_str(out, STR("\r\n "));
	}
}

/* RFC 5322 section 3.3; strftime would translate the names. */
static void
date_write(struct buf *out, time_t date)
{
	static const char days[7][4] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
	static const char months[12][4] = {
	    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
	struct tm t;
	int clock[3];

	gmtime_r(&date, &t);
	clock[0] = t.tm_hour;
	clock[1] = t.tm_min;
	clock[2] = t.tm_sec;
	buf_str(out, str_from(days[t.tm_wday]));
	buf_str(out, STR(", "));
	buf_int(out, t.tm_mday);
	buf_char(out, ' ');
	buf_str(out, str_from(months[t.tm_mon]));
	buf_char(out, ' ');
	buf_int(out, t.tm_year + 1900);
	for (size_t i = 0; i < 3; i++) {
		buf_char(out, i == 0 ? ' ' : ':');
		buf_char(out, (char)('0' + clock[i] / 10));
		buf_char(out, (char)('0' + clock[i] % 10));
	}
	buf_str(out, STR(" +0000"));
}

static void
part_write(struct buf *out, const struct message *m, struct str type, struct str body)
{
	boundary_write(out, m);
	buf_str(out, STR("\r\nContent-Type: "));
	buf_str(out, type);
	buf_str(out, STR("; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"));
	quoted_printable_write(out, body);
	buf_str(out, STR("\r\n"));
}

/* "=_" is no quoted-printable: it stands in no body (RFC 2045 section 6.7, note on boundaries). */
static void
boundary_write(struct buf *out, const struct message *m)
{
	buf_str(out, STR("--=_"));
	buf_str(out, m->id);
}

/* RFC 2045 section 6.7. */
static void
quoted_printable_write(struct buf *out, struct str text)
{
	static const char digits[] = "0123456789ABCDEF";
	size_t column = 0;

	for (size_t i = 0; i < text.len; i++) {
		unsigned char c = (unsigned char)text.p[i];
		bool ends_line = i + 1 == text.len || text.p[i + 1] == '\n';
		bool literal = (c > ' ' && c <= '~' && c != '=') || (c == ' ' && !ends_line);

		if (c == '\n') {
			buf_str(out, STR("\r\n"));
			column = 0;
			continue;
		}
		if (column + (literal ? 1 : 3) > LINE_MAX_CHARS - 1) {
			buf_str(out, STR("=\r\n"));
			column = 0;
		}
		if (literal) {
			buf_char(out, (char)c);
			column++;
		} else {
			buf_char(out, '=');
			buf_char(out, digits[c >> 4]);
			buf_char(out, digits[c & 15]);
			column += 3;
		}
	}
}

/* Of a UTF-8 character by its first byte; a stray byte counts as one. */
static size_t
character_bytes(unsigned char first)
{
	return first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : first >= 0xc0 ? 2 : 1;
}

static bool
is_plain(struct str text)
{
	for (size_t i = 0; i < text.len; i++)
		if (text.p[i] < ' ' || text.p[i] > '~')
			return false;
	/* "=?" would be read as an encoded word; white space at the ends would be lost. */
	for (size_t i = 0; i + 1 < text.len; i++)
		if (text.p[i] == '=' && text.p[i + 1] == '?')
			return false;
	return text.len == 0 || (text.p[0] != ' ' && text.p[text.len - 1] != ' ');
}
