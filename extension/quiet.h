/* Keeps ordinary refusals out of the server's log. */
#ifndef MANA_QUIET_H
#define MANA_QUIET_H

extern void quiet_init(void);

#endif
