/*
 * Text of a user for a mail to somebody else. Mail programs turn text that looks like a URL, a
 * domain or an address into a link, so a name such as "Visit evil.example" would send one on our
 * behalf. What is written here contains nothing that they recognise. Pure.
 */
#ifndef MANA_PLAIN_TEXT_H
#define MANA_PLAIN_TEXT_H

#include "buf.h"

enum { PLAIN_NAME_CHARS = 64, PLAIN_DEVICE_CHARS = 160, PLAIN_TEXT_BYTES = 4 * 160 + 8 };

enum plain_text_form {
	PLAIN_NAME,  /* of a person or an organization */
	PLAIN_DEVICE /* a user agent: dots between digits stay, because they are versions */
};

/* Appends the text on one line, cut after PLAIN_*_CHARS characters, without format characters
 * (zero-width, bidirectional controls); a space follows each dot and colon, runs of slashes become
 * one, and "@" becomes "(at)". Never overflows a buffer of PLAIN_TEXT_BYTES. */
void plain_text_write(struct buf *out, struct str text, enum plain_text_form form);

#endif
