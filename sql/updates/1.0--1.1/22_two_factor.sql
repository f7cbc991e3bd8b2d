-- When the secret of an authenticator app was shown, codes by mail were chosen, and backup codes were made: a revert of a change of
-- address needs to know.

ALTER TABLE auth.two_factor_auth ADD COLUMN shown_at timestamptz;
ALTER TABLE auth.two_factor_auth ADD COLUMN by_mail_since timestamptz;
ALTER TABLE auth.two_factor_backup_codes ADD COLUMN created_at timestamptz;
UPDATE auth.two_factor_backup_codes b SET created_at = f.created_at FROM auth.two_factor_auth f WHERE f.user_id = b.user_id;
DELETE FROM auth.two_factor_backup_codes WHERE created_at IS NULL; -- of nobody who has a second factor
ALTER TABLE auth.two_factor_backup_codes ALTER COLUMN created_at SET NOT NULL, ALTER COLUMN created_at SET DEFAULT pg_catalog.now();
