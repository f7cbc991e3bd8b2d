/*
 * TOTP (RFC 6238) with HMAC-SHA1, 6 digits, steps of 30 seconds. The HMAC key is the ASCII of the
 * secret, as Better Auth has it. The clock is the caller's.
 */
#ifndef MANA_TOTP_H
#define MANA_TOTP_H

#include <stdint.h>

#include "buf.h"

enum { TOTP_DIGITS = 6, TOTP_STEP_SECONDS = 30, TOTP_WINDOW_STEPS = 1 };

/* Writes the code of a counter (RFC 4226 section 5.3): TOTP_DIGITS digits and no NUL. */
bool totp_code(char out[static TOTP_DIGITS], struct str secret, uint64_t counter) MUST_USE;
/* Whether code fits now or one step beside; *counter is the step that it fits, to refuse a replay.
 */
bool
totp_verify(uint64_t *counter, struct str secret, struct str code, uint64_t now_seconds) MUST_USE;
/* Appends otpauth://totp/Issuer:account?secret=BASE32&issuer=Issuer&digits=6&period=30. Colons of
 * issuer and account are left out, and so is an issuer of which nothing remains. */
void totp_uri(struct buf *out, struct str secret, struct str issuer, struct str account);

#endif
