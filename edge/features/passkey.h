/*
 * Passkeys: registration, sign-in, and what the relayed routes of their list take. Better Auth's
 * routes and those of the apps differ in paths and errors only.
 */
#ifndef MANA_PASSKEY_H
#define MANA_PASSKEY_H

#include "routes.h"

extern const struct schema passkey_options_schema, passkey_register_schema, passkey_sign_in_schema;
extern const struct schema passkey_step_up_schema;
extern const struct schema passkey_delete_schema, passkey_update_schema, passkey_rename_schema;

/* GET /api/v1/auth/passkeys/capability */
enum step passkey_capability(struct request *r);
/* GET /api/auth/passkey/generate-register-options, POST /api/v1/auth/passkeys/register/options */
enum step passkey_register_options(struct request *r);
/* POST /api/auth/passkey/verify-registration, POST /api/v1/auth/passkeys/register/verify */
enum step passkey_register(struct request *r);
/* GET /api/auth/passkey/generate-authenticate-options, POST
 * /api/v1/auth/passkeys/authenticate/options */
enum step passkey_authenticate_options(struct request *r);
/* POST /api/auth/passkey/verify-authentication, POST /api/v1/auth/passkeys/authenticate/verify */
enum step passkey_sign_in(struct request *r);
/* POST /api/v1/auth/step-up/passkey */
enum step passkey_step_up_options(struct request *r);

#endif
