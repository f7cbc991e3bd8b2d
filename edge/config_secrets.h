/* Whether the secrets of the environment are hard to guess. */
#ifndef MANA_CONFIG_SECRETS_H
#define MANA_CONFIG_SECRETS_H

#include <stdio.h>

#include "str.h"

/* Whether production may use the secrets; says on problems which ones are short or published. */
bool config_secrets_safe(FILE *problems) MUST_USE;
/* An upper bound in bits: what as many random characters of the smallest usual alphabet would hold.
 */
size_t config_entropy_at_most(struct str secret);

#endif
