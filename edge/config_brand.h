/*
 * How the hosted pages look: BRAND_COLOR and BRAND_LOGO_FILE.
 */
#ifndef MANA_CONFIG_BRAND_H
#define MANA_CONFIG_BRAND_H

#include <stdio.h>

#include "str.h"

/* Checks config.brand_color, reads the logo (empty: none) into config.brand_logo; false after
 * saying on problems what is refused. */
bool config_brand_read(struct str logo_file, FILE *problems) MUST_USE;

#endif
