/* The mail server and the sender out of the environment. */
#ifndef MANA_CONFIG_MAIL_H
#define MANA_CONFIG_MAIL_H

#include <stdio.h>

#include "str.h"

/* Checks SMTP_HOST (brackets of an IPv6 address are dropped), SMTP_FROM (its domain becomes an
 * A-label), and that a login is complete. False after writing to `problems` what is refused. */
bool config_mail_read(FILE *problems) MUST_USE;

#endif
