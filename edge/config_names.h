/* Environment variables that look like ours and are not: misspelt ones, and those of other servers.
 */
#ifndef MANA_CONFIG_NAMES_H
#define MANA_CONFIG_NAMES_H

#include <stdio.h>

/* Writes a line for each variable of the environment that is none of `names` but resembles one: it
 * differs in one or two characters, belongs to one of our families (SMTP_, WEBAUTHN_ and the like),
 * or is what Better Auth and others call it. Values are not written. */
void config_names_warn(FILE *out, const char *const names[], size_t count);

#endif
