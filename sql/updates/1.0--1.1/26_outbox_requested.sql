-- Mails that anybody can ask for go after all others. Those that wait during the update keep their order among the others.

ALTER TABLE auth.outbox ADD COLUMN requested boolean NOT NULL DEFAULT false;
DROP INDEX auth.outbox_pending_idx;
CREATE INDEX outbox_pending_idx ON auth.outbox (requested, next_attempt_at) WHERE state = 'pending';
