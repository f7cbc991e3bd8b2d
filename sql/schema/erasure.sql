-- Erasures (GDPR, article 17): one row a user who goes, one a source that holds something of them. An erasure outlives crashes
-- of everybody involved, and is not over before each source has said that nothing is left.

CREATE TABLE auth.erasures (
  id              text        NOT NULL DEFAULT auth.random_id(),
  user_id         text,
  pseudonym       text        NOT NULL DEFAULT 'erased-' || auth.random_id(24),
  requested_by    text        NOT NULL,
  request_id      text,
  farewell        bytea,
  sessions_count  bigint      NOT NULL,
  accounts_count  bigint      NOT NULL,
  requested_at    timestamptz NOT NULL DEFAULT pg_catalog.now(),
  completed_at    timestamptz,
  CONSTRAINT erasures_pkey PRIMARY KEY (id),
  CONSTRAINT erasures_user_id_unique UNIQUE (user_id),
  CONSTRAINT erasures_complete_ones_name_nobody CHECK (completed_at IS NULL OR (user_id IS NULL AND farewell IS NULL)),
  CONSTRAINT erasures_pending_ones_name_somebody CHECK (completed_at IS NOT NULL OR user_id IS NOT NULL)
);
COMMENT ON TABLE auth.erasures IS 'who goes or has gone; a complete one names nobody any more';
COMMENT ON COLUMN auth.erasures.id IS 'known to who asked for it alone: it opens GET /me/data/erasure/:id when no session is left';
COMMENT ON COLUMN auth.erasures.user_id IS
  'no foreign key: the other sources are asked by it also when our own rows have gone before them. NULL: complete';
COMMENT ON COLUMN auth.erasures.pseudonym IS 'what stands for the user in the trails that stay';
COMMENT ON COLUMN auth.erasures.requested_by IS 'self, or admin: and the id of the admin';
COMMENT ON COLUMN auth.erasures.farewell IS
  'address, name and language for the mail at the end, sealed in the context erasures:id; gone once it is promised';
CREATE INDEX erasures_completed_at_idx ON auth.erasures (completed_at);

CREATE TABLE auth.erasure_sources (
  erasure_id       text        NOT NULL,
  source           text        NOT NULL,
  state            text        NOT NULL DEFAULT 'pending',
  found_count      bigint,
  deleted_count    bigint,
  attempts         integer     NOT NULL DEFAULT 0,
  next_attempt_at  timestamptz NOT NULL DEFAULT pg_catalog.now(),
  leased_until     timestamptz,
  leased_by        text,
  last_error       text,
  finished_at      timestamptz,
  CONSTRAINT erasure_sources_pkey PRIMARY KEY (erasure_id, source),
  CONSTRAINT erasure_sources_erasure_id_erasures_id_fk FOREIGN KEY (erasure_id) REFERENCES auth.erasures (id) ON DELETE CASCADE,
  CONSTRAINT erasure_sources_source_is_known CHECK (source IN ('sync', 'credits', 'subscriptions', 'auth')),
  CONSTRAINT erasure_sources_state_is_known CHECK (state IN ('pending', 'done', 'absent')),
  CONSTRAINT erasure_sources_done_ones_say_how_many CHECK ((state = 'done') = (deleted_count IS NOT NULL))
) WITH (fillfactor = 80);
COMMENT ON TABLE auth.erasure_sources IS 'where something of the user is; each is asked until it says that nothing is left';
COMMENT ON COLUMN auth.erasure_sources.state IS 'absent: this installation has no such service, so nobody was asked';
COMMENT ON COLUMN auth.erasure_sources.found_count IS
  'what there was before the first try, so that a try whose answer was lost does not make it zero; NULL: not looked yet';
COMMENT ON COLUMN auth.erasure_sources.last_error IS 'why the last try failed, for people';
CREATE INDEX erasure_sources_pending_idx ON auth.erasure_sources (next_attempt_at) WHERE state = 'pending';

CREATE TABLE auth.erasure_echoes (
  user_id  text        NOT NULL,
  due_at   timestamptz NOT NULL,
  CONSTRAINT erasure_echoes_pkey PRIMARY KEY (user_id)
);
COMMENT ON TABLE auth.erasure_echoes IS
  'the sync service believes an access JWT until it expires, without asking us: what a device of the user still sends there '
  'after the erasure is deleted once more, when no such JWT can be left';
CREATE INDEX erasure_echoes_due_at_idx ON auth.erasure_echoes (due_at);

SELECT pg_catalog.pg_extension_config_dump('auth.erasures', '');
SELECT pg_catalog.pg_extension_config_dump('auth.erasure_sources', '');
SELECT pg_catalog.pg_extension_config_dump('auth.erasure_echoes', '');

CREATE VIEW auth.erasure_overview AS
  SELECT e.id, e.user_id, e.requested_by, e.requested_at, e.completed_at, s.source, s.state, s.deleted_count, s.attempts,
         CASE WHEN s.state = 'pending' THEN s.next_attempt_at END AS next_attempt_at, s.last_error
    FROM auth.erasures e JOIN auth.erasure_sources s ON s.erasure_id = e.id;
COMMENT ON VIEW auth.erasure_overview IS 'for admins: what is erased, what is not yet, and why not';
