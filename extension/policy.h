/* Settings that the rules in SQL read. */
#ifndef MANA_POLICY_H
#define MANA_POLICY_H

extern void policy_define_settings(void);

#endif
