/*
 * The library's entry: what is in it, in the order of dependence. SQL functions stand in the files
 * named.
 *
 *   kek         the key ring (settings mana_auth.kek_file, mana_auth.kek)
 *   lock        locks that no other role can take
 *   durable     commits that no session setting weakens
 *   seal        values sealed under the ring
 *   signing_key key pairs for JWTs
 *   random      ids and one-time tokens
 *   json        the JSON that clients read
 *   catalog     until when what was looked up is true
 *   row         rows by their unique index
 *   seam        who calls, what is answered, the routines that decide
 *   session     the rows that requests begin with; get-session and tokens of the ordinary kind
 *   identity    whose rows a transaction may see
 *   rate_limit  requests counted in shared memory
 *   policy      settings that the rules in SQL read
 *   quiet       what the log must not hold stays out of it
 *   audit       the vault's trail: row MACs, seals, verification
 *   totp        codes of a second factor
 *   vault       calls of the vault: decide, commit, disclose
 *   vault_session  whose vault a call may touch
 *   vault_wrap  master keys as SQL has them: wrapped
 *   remote      transactions in another database, bounded in time
 *   sync        a user's records in the sync database
 *   gdpr        what there is about a user, of all sources
 */
#include "postgres.h"

#include "catalog.h"
#include "fmgr.h"
#include "identity.h"
#include "kek.h"
#include "miscadmin.h"
#include "policy.h"
#include "quiet.h"
#include "rate_limit.h"
#include "session_proof.h"
#include "remote.h"
#include "utils/guc.h"

PG_MODULE_MAGIC;

void _PG_init(void);

void
_PG_init(void)
{
	if (!process_shared_preload_libraries_in_progress)
		ereport(ERROR, errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
		    errmsg("mana_auth must be loaded via shared_preload_libraries"));
	kek_define_settings();
	catalog_init();
	identity_init();
	rate_limit_init();
	policy_define_settings();
	session_proof_define_settings();
	quiet_init();
	remote_define_settings();
	MarkGUCPrefixReserved("mana_auth");
}
