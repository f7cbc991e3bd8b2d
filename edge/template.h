/*
 * Texts with {names}. Values are escaped for where they stand, so that a template is safe by
 * itself. Pure.
 */
#ifndef MANA_TEMPLATE_H
#define MANA_TEMPLATE_H

#include "buf.h"

enum template_escape {
	TEMPLATE_TEXT, /* as it is, but control bytes become spaces */
	TEMPLATE_HTML, /* & < > " ' as entities, control bytes as spaces */
	TEMPLATE_URI   /* percent-encoded */
};

struct template_value {
	const char *name;
	struct str value;
	bool is_markup; /* inserted as it is */
};

/* Appends the text with every {name} replaced ({a-zA-Z_}; any other brace stands for itself). False
 * on overflow or when a name has no value; then *missing is that name. */
bool template_render(struct buf *out, struct str *missing, struct str text,
    enum template_escape escape, const struct template_value *values, size_t count) MUST_USE;

#endif
