/* Lengths of texts that go into mails (mailed.h). */
#include "mailed.h"

#include <string.h>

size_t
mailed_url_bytes(struct str url)
{
	size_t bytes = 0;

	for (size_t i = 0; i < url.len; i++) {
		char c = url.p[i];
		bool as_it_is = (c >= '0' && c <= '9') ||
				(str_lower(c) >= 'a' && str_lower(c) <= 'z') ||
				(c != '\0' && strchr("-_.!~*'()", c) != NULL);

		bytes += as_it_is ? 1 : 3;
	}
	return bytes;
}

size_t
mailed_units(struct str text)
{
	size_t units = 0;

	for (size_t i = 0; i < text.len; i++) {
		unsigned char c = (unsigned char)text.p[i];

		units += (c & 0xc0) != 0x80;
		units += c >= 0xf0;
	}
	return units;
}
