/*
 * The key-encryption keys (KEKs): a ring of at most KEK_RING_MAX keys by id, the first of them
 * active. Held in guarded, locked, undumpable memory; never in a GUC value, a log line or an error.
 */
#ifndef MANA_KEK_H
#define MANA_KEK_H

#define KEK_BYTES    32
#define KEK_ID_MAX   63
#define KEK_RING_MAX 8

struct kek {
	char id[KEK_ID_MAX + 1];
	unsigned char key[KEK_BYTES];
};

/* Defines mana_auth.kek_file, mana_auth.kek and mana_auth.allow_dev_kek; loads the ring at preload
 * and on reload. */
extern void kek_define_settings(void);

/* The key that new wraps are made under; ERROR MA503 (VAULT_LOCKED) when there is no ring. Never
 * NULL. */
extern const struct kek *kek_active(void);

/* The same, NULL when there is no ring. */
extern const struct kek *kek_active_or_null(void);

/* The key of an id, NULL when the ring does not have it. */
extern const struct kek *kek_find(const char *id);

#endif
