/*
 * A slice of bytes that somebody else owns. Text inside the service travels as slices; C strings
 * exist only at the borders (libpq, Kore). Pure, no allocation.
 */
#ifndef MANA_STR_H
#define MANA_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#define MUST_USE __attribute__((warn_unused_result))

struct str {
	const char *p; /* not NUL-terminated; NULL means absent, "" with len 0 means empty */
	size_t len;
};

#define STR(literal) ((struct str){.p = "" literal, .len = sizeof(literal) - 1})
#define STR_NONE     ((struct str){.p = NULL, .len = 0})

/* The slice of a C string; STR_NONE for NULL. */
static inline struct str
str_from(const char *text)
{
	return text == NULL ? STR_NONE : (struct str){.p = text, .len = strlen(text)};
}

/* Whether both hold the same bytes. Not for secrets: use digest_equal. */
static inline bool
str_equal(struct str a, struct str b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.p, b.p, a.len) == 0);
}

/* Whether s begins with prefix. */
static inline bool
str_starts(struct str s, struct str prefix)
{
	return s.len >= prefix.len && (prefix.len == 0 || memcmp(s.p, prefix.p, prefix.len) == 0);
}

/* Whether s ends with suffix. */
static inline bool
str_ends(struct str s, struct str suffix)
{
	return s.len >= suffix.len &&
	       (suffix.len == 0 || memcmp(s.p + s.len - suffix.len, suffix.p, suffix.len) == 0);
}

/* What follows the first `count` bytes; empty when s is shorter. */
static inline struct str
str_skip(struct str s, size_t count)
{
	return count >= s.len ? (struct str){.p = s.p, .len = 0}
			      : (struct str){.p = s.p + count, .len = s.len - count};
}

/* Cuts s at the first `separator`: head before it, tail behind. False (head = s, tail absent) if
 * none. */
static inline bool
str_cut(struct str *head, struct str *tail, struct str s, char separator)
{
	const char *at = s.len == 0 ? NULL : memchr(s.p, separator, s.len);

	*head = s;
	*tail = STR_NONE;
	if (at == NULL)
		return false;
	head->len = (size_t)(at - s.p);
	*tail = str_skip(s, head->len + 1);
	return true;
}

/* Whether `byte` occurs in s. */
static inline bool
str_has(struct str s, char byte)
{
	return s.len > 0 && memchr(s.p, byte, s.len) != NULL;
}

/* An ASCII letter in lower case; any other byte as it is. Independent of the locale. */
static inline char
str_lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/* Equality that ignores the case of ASCII letters (header names, schemes, hosts). */
static inline bool
str_equal_nocase(struct str a, struct str b)
{
	if (a.len != b.len)
		return false;
	for (size_t i = 0; i < a.len; i++)
		if (str_lower(a.p[i]) != str_lower(b.p[i]))
			return false;
	return true;
}

#endif
