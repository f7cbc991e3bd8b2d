/*
 * Addresses as zod 4 accepts them (email.h):
 * ^(?!\.)(?!.*\.\.)([A-Za-z0-9_'+\-.]*)[A-Za-z0-9_+-]@([A-Za-z0-9][A-Za-z0-9-]*\.)+[A-Za-z]{2,}$
 * and those whose last label is an A-label, which may hold digits and hyphens.
 */
#include "email.h"

#include <idn2.h>

static bool
is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool
is_alnum(char c)
{
	return is_letter(c) || (c >= '0' && c <= '9');
}

static bool
local_is_valid(struct str local)
{
	if (local.len == 0 || local.len > EMAIL_LOCAL_MAX || local.p[0] == '.')
		return false;
	for (size_t i = 0; i < local.len; i++) {
		char c = local.p[i];

		if (!is_alnum(c) && (c == '\0' || strchr("_'+-.", c) == NULL))
			return false;
		if (c == '.' && i + 1 < local.len && local.p[i + 1] == '.')
			return false;
	}
	return local.p[local.len - 1] != '.' && local.p[local.len - 1] != '\'';
}

static bool
is_ascii(struct str text)
{
	for (size_t i = 0; i < text.len; i++)
		if ((unsigned char)text.p[i] >= 0x80)
			return false;
	return true;
}

static bool
is_a_label(struct str label)
{
	static const struct str prefix = {.p = "xn--", .len = 4};

	return label.len > prefix.len &&
	       str_equal_nocase((struct str){.p = label.p, .len = prefix.len}, prefix);
}

static bool
domain_is_valid(struct str domain)
{
	struct str label, rest;
	int labels = 0;

	if (domain.len > EMAIL_DOMAIN_MAX)
		return false;
	for (bool more = true; more; domain = rest) {
		more = str_cut(&label, &rest, domain, '.');
		labels++;
		if (label.len == 0 || label.len > EMAIL_LABEL_MAX || (more && label.p[0] == '-'))
			return false;
		for (size_t i = 0; i < label.len; i++)
			if (!(more || is_a_label(label) ? is_alnum(label.p[i]) || label.p[i] == '-'
							: is_letter(label.p[i])))
				return false;
	}
	return labels >= 2 && label.len >= 2;
}

bool
email_valid(struct str address)
{
	struct str local, domain;

	return address.p != NULL && address.len <= EMAIL_BYTES_MAX &&
	       str_cut(&local, &domain, address, '@') && local_is_valid(local) &&
	       domain_is_valid(domain);
}

void
email_to_ascii(struct buf *out, struct str address)
{
	char given[4 * EMAIL_DOMAIN_MAX], *converted = NULL;
	struct buf domain = BUF_ON(given);
	struct str local, labels;

	if (!str_cut(&local, &labels, address, '@') || is_ascii(labels) ||
	    memchr(labels.p, '\0', labels.len) != NULL) {
		buf_str(out, address);
		return;
	}
	buf_str(&domain, labels);
	if (buf_cstr(&domain) == NULL ||
	    idn2_to_ascii_8z(given, &converted, IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL) != IDN2_OK) {
		buf_str(out, address);
		return;
	}
	buf_str(out, local);
	buf_char(out, '@');
	buf_str(out, str_from(converted));
	idn2_free(converted);
}

void
email_normalise(struct buf *out, struct str address)
{
	for (size_t i = 0; i < address.len; i++)
		buf_char(out, str_lower(address.p[i]));
}
