/* Names that other people read (name.h). */
#include "name.h"

#include <unictype.h>
#include <unistr.h>

enum {
	ZERO_WIDTH_NON_JOINER = 0x200c,
	ZERO_WIDTH_JOINER = 0x200d,
	EMOJI_SELECTOR = 0xfe0f,
	FIRST_OF_HEBREW = 0x0590, /* below are Latin, Greek, Cyrillic and Armenian */
	BRAILLE_BLANK = 0x2800
};

static bool is_hidden(ucs4_t c, ucs4_t before);
static bool is_seen(ucs4_t c);
static const uc_script_t *script_of(ucs4_t c);
static bool is_east_asian(const uc_script_t *script);

bool
name_visible(struct str name)
{
	const uint8_t *at = (const uint8_t *)name.p, *end = at + name.len;
	ucs4_t c, before = 0;
	bool seen = false;

	while (at < end) {
		int count = u8_mbtoucr(&c, at, (size_t)(end - at));

		if (count <= 0 || is_hidden(c, before))
			return false;
		seen = seen || is_seen(c);
		before = c;
		at += count;
	}
	return seen;
}

bool
name_single_script(struct str name)
{
	const uint8_t *at = (const uint8_t *)name.p, *end = at + name.len;
	const uc_script_t *word = NULL; /* of its letters that are not East Asian */
	bool has_east_asian = false;
	ucs4_t c;

	while (at < end) {
		int count = u8_mbtoucr(&c, at, (size_t)(end - at));
		const uc_script_t *script;

		if (count <= 0)
			return false;
		at += count;
		if (uc_is_property_white_space(c)) {
			word = NULL;
			has_east_asian = false;
			continue;
		}
		script = script_of(c);
		if (script == NULL)
			continue;
		if (is_east_asian(script))
			has_east_asian = true;
		else if (word != NULL && script != word)
			return false;
		else
			word = script;
		if (has_east_asian && word != NULL && word != uc_script_byname("Latin"))
			return false;
	}
	return true;
}

/* Joiners shape letters of the scripts from Hebrew on, and emoji; behind others they do nothing. */
static bool
is_hidden(ucs4_t c, ucs4_t before)
{
	if (c == ZERO_WIDTH_NON_JOINER || c == ZERO_WIDTH_JOINER || c == EMOJI_SELECTOR)
		return before < FIRST_OF_HEBREW || before == ZERO_WIDTH_NON_JOINER ||
		       before == ZERO_WIDTH_JOINER;
	return uc_is_property_default_ignorable_code_point(c) || uc_is_property_bidi_control(c) ||
	       uc_is_general_category_withtable(c, UC_CATEGORY_MASK_Cc | UC_CATEGORY_MASK_Co |
						       UC_CATEGORY_MASK_Zl | UC_CATEGORY_MASK_Zp);
}

static bool
is_seen(ucs4_t c)
{
	return c != BRAILLE_BLANK && !uc_is_property_white_space(c) &&
	       !uc_is_property_default_ignorable_code_point(c);
}

/* NULL for what all scripts share: digits, punctuation, marks, emoji. */
static const uc_script_t *
script_of(ucs4_t c)
{
	static const uc_script_t *common, *inherited;
	const uc_script_t *script = uc_script(c);

	if (common == NULL) {
		inherited = uc_script_byname("Inherited");
		common = uc_script_byname("Common");
	}
	return script == common || script == inherited ? NULL : script;
}

static bool
is_east_asian(const uc_script_t *script)
{
	static const char *const names[] = {"Han", "Hiragana", "Katakana", "Bopomofo", "Hangul"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (script == uc_script_byname(names[i]))
			return true;
	return false;
}
