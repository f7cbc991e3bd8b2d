-- Wrong codes of a session count against this session, and do not lock the second factor of its user.

-- Without a default at first: routines use the row type of the table.
ALTER TABLE auth.sessions ADD COLUMN code_failures integer;
UPDATE auth.sessions SET code_failures = 0;
ALTER TABLE auth.sessions ALTER COLUMN code_failures SET NOT NULL, ALTER COLUMN code_failures SET DEFAULT 0;
