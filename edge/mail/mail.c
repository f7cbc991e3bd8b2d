/*
 * Promised mails into messages. The templates are files, compiled in by the assembler.
 */
#include "mail/mail.h"

#include "embed.h"
#include "json.h"
#include "mail/message.h"
#include "mail/plain_text.h"
#include "template.h"

enum {
	ARGS_MAX = 24,
	ARGS_BYTES_MAX = 16 * 1024,
	TEXT_BYTES_MAX = 16 * 1024,
	HTML_BYTES_MAX = 24 * 1024,
	SUBJECT_BYTES_MAX = 1024,
	LINK_BYTES_MAX = 4 * 1024,
	GREETING_BYTES_MAX = 512,
	PLAIN_TEXTS_MAX = 4
};

/* Values that a user typed, or a browser said. A mail to somebody else shows them as plain text. */
static const struct {
	const char *name;
	enum plain_text_form form;
} plain_texts[PLAIN_TEXTS_MAX] = {
    {"name", PLAIN_NAME},
    {"organization", PLAIN_NAME},
    {"inviter", PLAIN_NAME},
    {"device", PLAIN_DEVICE},
};

#define EMBED_WORDS(language, kind)                                                                \
	EMBED(language##_##kind##_subject, "mail/templates/" #language "/" #kind ".subject");      \
	EMBED(language##_##kind##_txt, "mail/templates/" #language "/" #kind ".txt");              \
	EMBED(language##_##kind##_html, "mail/templates/" #language "/" #kind ".html")

EMBED(layout_html, "mail/templates/layout.html");
#define MAIL(kind, link)                                                                           \
	EMBED_WORDS(de, kind);                                                                     \
	EMBED_WORDS(en, kind);
#include "mail/kinds.def"
#undef MAIL

struct words {
	struct embedded subject, text, html;
};
enum language { GERMAN, ENGLISH, LANGUAGES };

static const struct kind {
	struct str name;
	struct str link;
	struct words words[LANGUAGES];
} kinds[] = {
#define WORDS_OF(language, kind)                                                                   \
	{                                                                                          \
		EMBEDDED(language##_##kind##_subject), EMBEDDED(language##_##kind##_txt),          \
		    EMBEDDED(language##_##kind##_html)                                             \
	}
#define MAIL(kind, link)                                                                           \
	{{#kind, sizeof(#kind) - 1}, {link, sizeof(link) - 1},                                     \
	    {WORDS_OF(de, kind), WORDS_OF(en, kind)}},
#include "mail/kinds.def"
#undef MAIL
};

/* What one mail is made of while it is made. */
struct making {
	const struct mail *mail;
	const struct words *words;
	struct str language;
	struct buf *reason;
	struct template_value values[ARGS_MAX];
	size_t count;
	char plain[PLAIN_TEXTS_MAX][PLAIN_TEXT_BYTES];
};

static const struct kind *kind_find(struct str name);
static enum language language_of(struct str locale);
static bool args_read(struct making *m, const json_t *args);
static struct str shown(struct making *m, const char *name, struct str value);
static bool values_add(struct making *m, const char *name, struct str value);
static bool greeting_add(struct making *m, enum language language, struct buf *memory);
static bool link_add(struct making *m, struct str pattern, struct buf *memory);
static void empty_parameters_drop(struct buf *link);
static bool texts_write(struct buf *out, struct making *m);
static bool render(struct making *m, struct buf *out, struct str text, enum template_escape escape);
static bool refuse(struct buf *reason, struct str why, struct str what);

bool
mail_write(struct buf *out, struct buf *reason, const struct mail *mail)
{
	static const struct json_limits limits = {.bytes = ARGS_BYTES_MAX, .depth = 2};
	const struct kind *kind = kind_find(mail->kind);
	enum language language = language_of(mail->locale);
	char greeting[GREETING_BYTES_MAX], link[LINK_BYTES_MAX];
	struct buf greeting_buf = BUF_ON(greeting), link_buf = BUF_ON(link);
	struct making m = {.mail = mail, .reason = reason};
	json_t *args;
	bool written;

	if (kind == NULL)
		return refuse(reason, STR("no template for mails of kind "), mail->kind);
	m.words = &kind->words[language];
	m.language = language == ENGLISH ? STR("en") : STR("de");
	if (!json_read(&args, mail->args, limits))
		return refuse(reason, STR("arguments are no JSON object"), STR(""));
	written = args_read(&m, args) && values_add(&m, "base_url", mail->base_url) &&
		  values_add(&m, "language", m.language) &&
		  greeting_add(&m, language, &greeting_buf) &&
		  link_add(&m, kind->link, &link_buf) && texts_write(out, &m);
	json_decref(args);
	buf_wipe(&link_buf);
	return written;
}

static const struct kind *
kind_find(struct str name)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (str_equal(kinds[i].name, name))
			return &kinds[i];
	return NULL;
}

static enum language
language_of(struct str locale)
{
	return str_starts(locale, STR("en")) ? ENGLISH : GERMAN;
}

static bool
args_read(struct making *m, const json_t *args)
{
	const char *name;
	json_t *value;

	json_object_foreach((json_t *)args, name, value)
	{
		struct str text = {.p = json_string_value(value), .len = json_string_length(value)};

		if (json_is_string(value) && !values_add(m, name, shown(m, name, text)))
			return false;
	}
	return true;
}

/* A value as the mail shows it. */
static struct str
shown(struct making *m, const char *name, struct str value)
{
	for (size_t i = 0; i < PLAIN_TEXTS_MAX; i++) {
		struct buf plain = BUF_ON(m->plain[i]);

		if (strcmp(plain_texts[i].name, name) != 0)
			continue;
		plain_text_write(&plain, value, plain_texts[i].form);
		if (plain.len == 0 && value.len > 0 && i > 0) /* the greeting does without */
			buf_char(&plain, '?');
		return buf_view(&plain);
	}
	return value;
}

static bool
values_add(struct making *m, const char *name, struct str value)
{
	if (m->count == ARGS_MAX)
		return refuse(m->reason, STR("too many arguments"), STR(""));
	m->values[m->count++] = (struct template_value){.name = name, .value = value};
	return true;
}

static bool
greeting_add(struct making *m, enum language language, struct buf *memory)
{
	struct str name = STR("");

	for (size_t i = 0; i < m->count; i++)
		if (str_equal(str_from(m->values[i].name), STR("name")))
			name = m->values[i].value;
	buf_str(memory, language == ENGLISH ? STR("Hello") : STR("Hallo"));
	if (name.len > 0 && name.len < GREETING_BYTES_MAX - 16) {
		buf_char(memory, ' ');
		buf_str(memory, name);
	}
	buf_char(memory, ',');
	return values_add(m, "greeting", buf_view(memory));
}

static bool
link_add(struct making *m, struct str pattern, struct buf *memory)
{
	if (pattern.len == 0)
		return true;
	buf_str(memory, m->mail->base_url);
	if (!render(m, memory, pattern, TEMPLATE_URI))
		return false;
	empty_parameters_drop(memory);
	return values_add(m, "link", buf_view(memory));
}

/* From the end, so that what is moved has been looked at. The first parameter stays. */
static void
empty_parameters_drop(struct buf *link)
{
	size_t end = link->len;

	for (size_t i = link->len; i-- > 0;) {
		if (link->p[i] != '&')
			continue;
		if (link->p[end - 1] == '=') {
			memmove(link->p + i, link->p + end, link->len - end);
			link->len -= end - i;
		}
		end = i;
	}
}

static bool
texts_write(struct buf *out, struct making *m)
{
	char subject[SUBJECT_BYTES_MAX], text[TEXT_BYTES_MAX], content[TEXT_BYTES_MAX];
	char html[HTML_BYTES_MAX];
	struct buf subject_buf = BUF_ON(subject), text_buf = BUF_ON(text);
	struct buf content_buf = BUF_ON(content), html_buf = BUF_ON(html);
	struct str first_line, rest;
	bool written;

	(void)str_cut(&first_line, &rest, embedded_text(m->words->subject), '\n');
	written = render(m, &subject_buf, first_line, TEMPLATE_TEXT) &&
		  values_add(m, "subject", buf_view(&subject_buf)) &&
		  render(m, &text_buf, embedded_text(m->words->text), TEMPLATE_TEXT) &&
		  render(m, &content_buf, embedded_text(m->words->html), TEMPLATE_HTML) &&
		  values_add(m, "content", buf_view(&content_buf));
	if (written) {
		m->values[m->count - 1].is_markup = true;
		written = render(m, &html_buf,
		    embedded_text((struct embedded)EMBEDDED(layout_html)), TEMPLATE_HTML);
	}
	if (written) {
		const struct message message = {
		    .from = m->mail->from,
		    .to = m->mail->recipient,
		    .id = m->mail->id,
		    .language = m->language,
		    .subject = buf_view(&subject_buf),
		    .text = buf_view(&text_buf),
		    .html = buf_view(&html_buf),
		    .date = m->mail->date,
		};

		written = message_write(out, &message) ||
			  refuse(m->reason, STR("not a mail address: "), m->mail->recipient);
	}
	buf_wipe(&text_buf);
	buf_wipe(&content_buf);
	buf_wipe(&html_buf);
	return written;
}

static bool
render(struct making *m, struct buf *out, struct str text, enum template_escape escape)
{
	struct str missing;

	if (template_render(out, &missing, text, escape, m->values, m->count))
		return true;
	if (missing.p == NULL)
		return refuse(m->reason, STR("the mail is too long"), STR(""));
	return refuse(m->reason, STR("arguments lack "), missing);
}

static bool
refuse(struct buf *reason, struct str why, struct str what)
{
	buf_str(reason, why);
	buf_str(reason, what);
	return false;
}
