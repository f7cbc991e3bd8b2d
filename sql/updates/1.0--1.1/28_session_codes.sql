-- Wrong codes of a session count against this session, and do not lock the second factor of its user.

ALTER TABLE auth.sessions ADD COLUMN code_failures integer NOT NULL DEFAULT 0;
