// A stand-in for the sync service's database: another database, with its table and row-level security, in the stack's cluster.

import { spawnSync } from 'node:child_process';

const PASSWORD = 'sync-password-0123456789';

/** Environment of a stack whose sync database is not there yet. */
export const SYNC = { SYNC_DATABASE_URL: `postgresql://mana_gdpr:${PASSWORD}@/mana_sync?host=/nowhere` };

/** Makes the database, and tells the stack's where it is. `away()` and `back()` pull the plug and put it in again. */
export function startSync(stack) {
  const sync = new Sync(stack);
  stack.psql(`CREATE ROLE mana_gdpr LOGIN PASSWORD '${PASSWORD}' NOSUPERUSER NOBYPASSRLS`);
  stack.psql('CREATE DATABASE mana_sync TEMPLATE template0');
  sync.psql(`
    CREATE TABLE sync_changes (
      id uuid PRIMARY KEY DEFAULT gen_random_uuid(), app_id text NOT NULL, table_name text NOT NULL, record_id text NOT NULL,
      user_id text NOT NULL, op text NOT NULL CHECK (op IN ('insert', 'update', 'delete')), data jsonb,
      field_timestamps jsonb DEFAULT '{}', client_id text NOT NULL, created_at timestamptz NOT NULL DEFAULT now());
    CREATE INDEX ON sync_changes (user_id, app_id, created_at);
    ALTER TABLE sync_changes ENABLE ROW LEVEL SECURITY;
    ALTER TABLE sync_changes FORCE ROW LEVEL SECURITY;
    CREATE POLICY sync_changes_user_isolation ON sync_changes
      USING (user_id = current_setting('app.current_user_id', true))
      WITH CHECK (user_id = current_setting('app.current_user_id', true));
    GRANT SELECT, DELETE ON sync_changes TO mana_gdpr`);
  stack.psql(`ALTER SERVER mana_sync OPTIONS (SET host :'socket')`, { socket: stack.socket });
  return sync;
}

class Sync {
  constructor(stack) {
    this.stack = stack;
  }

  psql(text, variables = {}) {
    const set = Object.entries(variables).flatMap(([name, value]) => ['-v', `${name}=${value}`]);
    const connection = ['-h', this.stack.socket, '-U', 'postgres', 'mana_sync'];
    const done = spawnSync('psql', ['-qAtX', '-v', 'ON_ERROR_STOP=1', ...set, '-f', '-', ...connection], {
      input: text,
      encoding: 'utf8',
    });
    if (done.status !== 0) throw new Error(`psql: ${done.stderr}`);
    return done.stdout.trim();
  }

  /** `count` records of a user in an app, each with `bytes` of data. */
  add(userId, app, count, { table = 'things', bytes = 10 } = {}) {
    this.psql(
      `INSERT INTO sync_changes (app_id, table_name, record_id, user_id, op, client_id, data)
       SELECT :'app', :'table', n, :'user', 'insert', 'test', jsonb_build_object('n', n, 'text', repeat('x', :bytes))
         FROM generate_series(1, :count) n`,
      { user: userId, app, count, table, bytes },
    );
  }

  count(userId) {
    return Number(this.psql(`SELECT count(*) FROM sync_changes WHERE user_id = :'user'`, { user: userId }));
  }

  /** Nobody gets in, and who is in is thrown out. */
  away() {
    this.stack.psql(`ALTER DATABASE mana_sync ALLOW_CONNECTIONS false;
      SELECT count(pg_terminate_backend(pid, 5000)) FROM pg_stat_activity WHERE datname = 'mana_sync'`);
  }

  back() {
    this.stack.psql('ALTER DATABASE mana_sync ALLOW_CONNECTIONS true');
  }
}
