-- The encryption vault: custody of each user's master key (MK). The MK itself is nowhere; a row holds wraps of it.

CREATE TABLE auth.encryption_vaults (
  user_id                  text        NOT NULL,
  wrapped_mk               text,
  wrap_iv                  text,
  format_version           smallint    NOT NULL DEFAULT 2,
  kek_id                   text        NOT NULL DEFAULT 'env-v1',
  commitment               bytea,
  generation               integer     NOT NULL DEFAULT 1,
  recovery_wrapped_mk      text,
  recovery_iv              text,
  recovery_format_version  smallint    NOT NULL DEFAULT 1,
  recovery_generation      integer,
  recovery_set_at          timestamptz,
  zero_knowledge           boolean     NOT NULL DEFAULT false,
  created_at               timestamptz NOT NULL DEFAULT pg_catalog.now(),
  rotated_at               timestamptz,
  last_generation          integer     NOT NULL DEFAULT 1,
  recovery_proven          boolean     NOT NULL DEFAULT true,
  CONSTRAINT encryption_vaults_pkey PRIMARY KEY (user_id),
  CONSTRAINT encryption_vaults_user_id_users_id_fk FOREIGN KEY (user_id) REFERENCES auth.users (id) ON DELETE CASCADE,
  CONSTRAINT encryption_vaults_has_wrap CHECK (wrapped_mk IS NOT NULL OR recovery_wrapped_mk IS NOT NULL),
  CONSTRAINT encryption_vaults_wrap_iv_pair CHECK (
    (wrapped_mk IS NULL) = (wrap_iv IS NULL) AND (recovery_wrapped_mk IS NULL) = (recovery_iv IS NULL)),
  CONSTRAINT encryption_vaults_zk_consistency CHECK (
    zero_knowledge = (wrapped_mk IS NULL) AND (NOT zero_knowledge OR recovery_wrapped_mk IS NOT NULL)),
  -- 64 and 16 of these characters are 48 and 12 bytes, in the one way that base64 (RFC 4648 §4) allows.
  CONSTRAINT encryption_vaults_wrap_size CHECK (
    wrapped_mk ~ '^[A-Za-z0-9+/]{64}$' AND wrap_iv ~ '^[A-Za-z0-9+/]{16}$'),
  CONSTRAINT encryption_vaults_recovery_size CHECK (
    recovery_wrapped_mk ~ '^[A-Za-z0-9+/]{64}$' AND recovery_iv ~ '^[A-Za-z0-9+/]{16}$'),
  CONSTRAINT encryption_vaults_recovery_is_current CHECK (
    recovery_generation IS NULL OR recovery_generation = generation),
  CONSTRAINT encryption_vaults_commitment_is_hmac CHECK (pg_catalog.octet_length(commitment) = 32),
  CONSTRAINT encryption_vaults_format_is_known CHECK (format_version IN (1, 2)),
  CONSTRAINT encryption_vaults_generation_was_counted CHECK (generation <= last_generation)
) WITH (fillfactor = 90);
COMMENT ON TABLE auth.encryption_vaults IS
  'master keys, wrapped: by the service (wrapped_mk, under a KEK) and by the user (recovery_wrapped_mk, under a recovery code)';
COMMENT ON COLUMN auth.encryption_vaults.wrapped_mk IS
  'base64 of AES-256-GCM ciphertext and tag (48 bytes) of the MK; NULL in zero-knowledge mode: the service cannot open it';
COMMENT ON COLUMN auth.encryption_vaults.wrap_iv IS 'base64 of the 12-byte IV';
COMMENT ON COLUMN auth.encryption_vaults.format_version IS
  '1: no AAD, as written by the service before us; 2: AAD of table, version, kek id and user id, so a wrap opens only in its row';
COMMENT ON COLUMN auth.encryption_vaults.kek_id IS 'which key of the ring opens it';
COMMENT ON COLUMN auth.encryption_vaults.commitment IS
  'HMAC of the MK: a client that hands the MK back (leaving zero-knowledge) must hand back the same; NULL: older row';
COMMENT ON COLUMN auth.encryption_vaults.generation IS 'number of the present master key; a recovery wrap of another one is refused';
COMMENT ON COLUMN auth.encryption_vaults.last_generation IS
  'the highest number that a master key of this vault had: after a restore, the next key does not get the number of another';
COMMENT ON COLUMN auth.encryption_vaults.recovery_proven IS
  'whether the session that stored the recovery wrap held a recent proof of identity (auth.step_up_is_proven); only such a wrap can '
  'become the only one. Wraps from before version 1.1 count as proven';
COMMENT ON COLUMN auth.encryption_vaults.recovery_wrapped_mk IS
  'made in the browser: the MK under HKDF(recovery code, mana-recovery-v1); this service cannot open it';

CREATE INDEX encryption_vaults_kek_id_idx ON auth.encryption_vaults (kek_id) WHERE wrapped_mk IS NOT NULL;

ALTER TABLE auth.encryption_vaults ENABLE ROW LEVEL SECURITY;
ALTER TABLE auth.encryption_vaults FORCE ROW LEVEL SECURITY;
CREATE POLICY encryption_vaults_user_isolation ON auth.encryption_vaults
  USING (user_id = auth.identity() OR auth.identity() = '*') WITH CHECK (user_id = auth.identity() OR auth.identity() = '*');
COMMENT ON POLICY encryption_vaults_user_isolation ON auth.encryption_vaults IS
  'defence in depth below the routines; * is maintenance (rewrap, checks)';

SELECT pg_catalog.pg_extension_config_dump('auth.encryption_vaults', '');
