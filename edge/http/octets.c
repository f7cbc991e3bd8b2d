/* One table of octets; see octets.h. */
#include "http/octets.h"

enum { TOKEN = 1, VALUE = 2, BOTH = TOKEN | VALUE };

/* clang-format off */
static const unsigned char classes[256] = {
	['\t'] = VALUE, [' '] = VALUE, ['!'] = BOTH, ['"'] = VALUE, ['#' ... '\''] = BOTH,
	['(' ... ')'] = VALUE, ['*' ... '+'] = BOTH, [','] = VALUE, ['-' ... '.'] = BOTH, ['/'] = VALUE,
	['0' ... '9'] = BOTH, [':' ... '@'] = VALUE, ['A' ... 'Z'] = BOTH, ['[' ... ']'] = VALUE,
	['^' ... 'z'] = BOTH, ['{'] = VALUE, ['|'] = BOTH, ['}'] = VALUE, ['~'] = BOTH,
	[0x80 ... 0xff] = VALUE,
};
/* clang-format on */

bool
octet_is_token(char c)
{
	return (classes[(unsigned char)c] & TOKEN) != 0;
}

bool
octet_is_value(char c)
{
	return (classes[(unsigned char)c] & VALUE) != 0;
}

bool
octets_are_token(struct str text)
{
	unsigned char all = TOKEN;

	for (size_t i = 0; i < text.len; i++)
		all &= classes[(unsigned char)text.p[i]];
	return text.len > 0 && all != 0;
}

bool
octets_are_value(struct str text)
{
	unsigned char all = VALUE;

	for (size_t i = 0; i < text.len; i++)
		all &= classes[(unsigned char)text.p[i]];
	return all != 0;
}

struct str
octets_trim(struct str text)
{
	while (text.len > 0 && (text.p[0] == ' ' || text.p[0] == '\t'))
		text = str_skip(text, 1);
	while (text.len > 0 && (text.p[text.len - 1] == ' ' || text.p[text.len - 1] == '\t'))
		text.len--;
	return text;
}

bool
octets_list_has(struct str list, struct str member)
{
	struct str one;
	bool more = list.len > 0;

	while (more) {
		more = str_cut(&one, &list, list, ',');
		if (str_equal_nocase(octets_trim(one), member))
			return true;
	}
	return false;
}
