/*
 * Bodies of the vault's routes. The routes themselves are relayed: SQL decides, and writes the
 * trail of refusals too, so it gets the values as they came.
 */
#ifndef MANA_FEATURE_VAULT_H
#define MANA_FEATURE_VAULT_H

#include "routes.h"

extern const struct schema vault_recovery_schema, vault_zero_knowledge_schema, vault_change_schema,
    vault_restore_schema;

#endif
