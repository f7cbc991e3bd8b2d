/*
 * Names that other people read: of users, organizations, devices, keys and clients. A reader must
 * be able to tell two of them apart (Unicode TR36, TS39).
 */
#ifndef MANA_NAME_H
#define MANA_NAME_H

#include "str.h"

/* Whether a name is visible as it is: no control, bidirectional or default-ignorable character
 * (joiners and emoji selectors are allowed where scripts and emoji need them), and at least one
 * character that is seen. */
bool name_visible(struct str name) MUST_USE;
/* Whether no word of it mixes Latin, Greek, Cyrillic or another script with letters of its own. CJK
 * scripts and Latin may stand together, as they do in names. */
bool name_single_script(struct str name) MUST_USE;

#endif
