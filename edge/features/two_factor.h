/*
 * Second factors: setting one up, and showing it.
 */
#ifndef MANA_TWO_FACTOR_H
#define MANA_TWO_FACTOR_H

#include "routes.h"

extern const struct schema two_factor_enable_schema, two_factor_password_schema,
    two_factor_code_schema, two_factor_send_schema;

/* POST /api/auth/two-factor/enable, disable, get-totp-uri, generate-backup-codes: with a session,
 * and the password again. */
enum step two_factor_enable(struct request *r);
enum step two_factor_disable(struct request *r);
enum step two_factor_totp_uri(struct request *r);
enum step two_factor_backup_codes(struct request *r);

/* POST /api/auth/two-factor/verify-totp, verify-otp, verify-backup-code: with a session, or with
 * the cookie of a sign-in that waits. */
enum step two_factor_verify_totp(struct request *r);
enum step two_factor_verify_otp(struct request *r);
enum step two_factor_verify_backup_code(struct request *r);
/* The same of whatever kind the code looks like. */
enum step two_factor_verify_any(struct request *r);
/* POST /api/auth/two-factor/send-otp */
enum step two_factor_send(struct request *r);

/* Whether the reply that has come asks a sign-in for its second factor. */
bool two_factor_is_asked(const struct request *r);

#endif
