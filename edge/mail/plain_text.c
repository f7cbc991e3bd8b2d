/* What a user typed, without anything that a mail program makes a link of (plain_text.h). */
#include "mail/plain_text.h"

#include <unictype.h>
#include <unistr.h>

enum { ELLIPSIS = 0x2026 };

/* What has been written so far, in characters. */
struct writer {
	struct buf *out;
	size_t left;    /* characters that may still be written */
	ucs4_t last;    /* the last character; 0: none */
	ucs4_t before;  /* the one before it */
	bool has_space; /* a space is due before the next character */
	bool is_cut;
};

static ucs4_t folded(ucs4_t c);
static bool is_left_out(ucs4_t c);
static void add(struct writer *w, ucs4_t c);
static void put(struct writer *w, ucs4_t c);
static void append(struct buf *out, ucs4_t c);
static bool is_digit(ucs4_t c);

void
plain_text_write(struct buf *out, struct str text, enum plain_text_form form)
{
	struct writer w = {
	    .out = out,
	    .left = form == PLAIN_DEVICE ? PLAIN_DEVICE_CHARS : PLAIN_NAME_CHARS,
	};
	const uint8_t *p = (const uint8_t *)text.p;

	for (size_t i = 0; i < text.len && !w.is_cut;) {
		ucs4_t c;
		int bytes = u8_mbtouc(&c, p + i, text.len - i); /* U+FFFD for what is not UTF-8 */

		i += (size_t)bytes;
		if (is_left_out(c))
			continue;
		c = folded(c);
		if (form == PLAIN_DEVICE && w.last == '.' && is_digit(w.before) && is_digit(c))
			w.has_space = false;
		if (c == '/' && w.last == '/' && !w.has_space)
			continue;
		add(&w, c);
		if (c == '.' || c == ':')
			w.has_space = true;
	}
	if (w.is_cut)
		append(out, ELLIPSIS);
}

/* The character as mail programs read it: one space, dot, colon, slash and at sign for all that
 * they, or browsers (UTS 46 section 4), take for one. */
static ucs4_t
folded(ucs4_t c)
{
	static const struct {
		ucs4_t is, as;
	} same[] = {
	    {0x2024, '.'},              /* one dot leader */
	    {0x3002, '.'},              /* ideographic full stop */
	    {0xfe52, '.'},              /* small full stop */
	    {0xff0e, '.'},              /* fullwidth full stop */
	    {0xff61, '.'},              /* halfwidth ideographic full stop */
	    {0x2236, ':'},              /* ratio */
	    {0xa789, ':'},              /* modifier letter colon */
	    {0xfe55, ':'},              /* small colon */
	    {0xff1a, ':'},              /* fullwidth colon */
	    {'\\', '/'}, {0x2044, '/'}, /* fraction slash */
	    {0x2215, '/'},              /* division slash */
	    {0x29f8, '/'},              /* big solidus */
	    {0xff0f, '/'},              /* fullwidth solidus */
	    {0xff3c, '/'},              /* fullwidth reverse solidus */
	    {0xfe6b, '@'},              /* small commercial at */
	    {0xff20, '@'},              /* fullwidth commercial at */
	};

	if (c <= ' ' || c == 0x7f || (c >= 0x80 && c < 0xa0) || c == 0x2800 ||
	    uc_is_general_category_withtable(
		c, UC_CATEGORY_MASK_Zs | UC_CATEGORY_MASK_Zl | UC_CATEGORY_MASK_Zp))
		return ' ';
	for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++)
		if (same[i].is == c)
			return same[i].as;
	return c;
}

/* Format characters and other invisible ones: they would hide a dot, or reorder the text. */
static bool
is_left_out(ucs4_t c)
{
	return uc_is_general_category_withtable(
		   c, UC_CATEGORY_MASK_Cf | UC_CATEGORY_MASK_Cs | UC_CATEGORY_MASK_Co) ||
	       uc_is_property_default_ignorable_code_point(c);
}

/* One character, after the space that is due; spaces at the ends and in a row are dropped. */
static void
add(struct writer *w, ucs4_t c)
{
	if (c == ' ') {
		w->has_space = true;
		return;
	}
	if (c == '@') {
		w->has_space = true;
		for (const char *at = "(at)"; *at != '\0'; at++)
			add(w, (ucs4_t)*at);
		w->has_space = true;
		return;
	}
	if (w->has_space && w->last != 0)
		put(w, ' ');
	w->has_space = false;
	put(w, c);
}

/* Writes nothing more once the text is cut: the space before a character may be what cuts it. */
static void
put(struct writer *w, ucs4_t c)
{
	w->is_cut = w->is_cut || w->left == 0;
	if (w->is_cut)
		return;
	append(w->out, c);
	w->left--;
	w->before = w->last;
	w->last = c;
}

static void
append(struct buf *out, ucs4_t c)
{
	uint8_t bytes[4];
	int count = u8_uctomb(bytes, c, sizeof(bytes));

	if (count > 0)
		buf_str(out, (struct str){(const char *)bytes, (size_t)count});
}

static bool
is_digit(ucs4_t c)
{
	return c >= '0' && c <= '9';
}
