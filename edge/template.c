/*
 * Texts with {names}: one pass over the text, a linear search for each name.
 */
#include "template.h"

static bool name_read(struct str *name, struct str text);
static const struct template_value *
value_find(const struct template_value *values, size_t count, struct str name);
static void
value_write(struct buf *out, const struct template_value *value, enum template_escape escape);
static void html_char_write(struct buf *out, char c);

bool
template_render(struct buf *out, struct str *missing, struct str text, enum template_escape escape,
    const struct template_value *values, size_t count)
{
	*missing = STR_NONE;
	for (size_t i = 0; i < text.len;) {
		const struct template_value *value;
		struct str name;

		if (!name_read(&name, str_skip(text, i))) {
			buf_char(out, text.p[i++]);
			continue;
		}
		value = value_find(values, count, name);
		if (value == NULL) {
			*missing = name;
			return false;
		}
		value_write(out, value, escape);
		i += name.len + 2;
	}
	return buf_ok(out);
}

/* Whether text begins with {name}. */
static bool
name_read(struct str *name, struct str text)
{
	size_t end = 1;

	if (!str_starts(text, STR("{")))
		return false;
	while (
	    end < text.len && ((str_lower(text.p[end]) >= 'a' && str_lower(text.p[end]) <= 'z') ||
				  text.p[end] == '_'))
		end++;
	if (end == 1 || end == text.len || text.p[end] != '}')
		return false;
	*name = (struct str){.p = text.p + 1, .len = end - 1};
	return true;
}

static const struct template_value *
value_find(const struct template_value *values, size_t count, struct str name)
{
	for (size_t i = 0; i < count; i++)
		if (str_equal(str_from(values[i].name), name))
			return &values[i];
	return NULL;
}

static void
value_write(struct buf *out, const struct template_value *value, enum template_escape escape)
{
	if (value->is_markup) {
		buf_str(out, value->value);
		return;
	}
	if (escape == TEMPLATE_URI) {
		buf_uri(out, value->value);
		return;
	}
	for (size_t i = 0; i < value->value.len; i++) {
		char c = value->value.p[i];

		if ((unsigned char)c < ' ' || c == 0x7f)
			buf_char(out, ' ');
		else if (escape == TEMPLATE_HTML)
			html_char_write(out, c);
		else
			buf_char(out, c);
	}
}

static void
html_char_write(struct buf *out, char c)
{
	switch (c) {
	case '&':
		buf_str(out, STR("&amp;"));
		break;
	case '<':
		buf_str(out, STR("&lt;"));
		break;
	case '>':
		buf_str(out, STR("&gt;"));
		break;
	case '"':
		buf_str(out, STR("&quot;"));
		break;
	case '\'':
		buf_str(out, STR("&#39;"));
		break;
	default:
		buf_char(out, c);
	}
}
