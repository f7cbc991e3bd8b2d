// Better Auth 1.7 on Node with PostgreSQL, configured as the service that we replace was: e-mail and password, JWTs,
// no session cache in a cookie. As many processes as our edge has workers.

import cluster from 'node:cluster';
import { createServer } from 'node:http';

import { betterAuth } from 'better-auth';
import { getMigrations } from 'better-auth/db/migration';
import { toNodeHandler } from 'better-auth/node';
import { jwt } from 'better-auth/plugins';
import pg from 'pg';

const { DATABASE_URL, PORT, PROCESSES } = process.env;
const options = {
  baseURL: `http://127.0.0.1:${PORT}`,
  secret: 'a-secret-of-the-benchmark-0123456789abcdef',
  database: new pg.Pool({ connectionString: DATABASE_URL, max: 2 }),
  emailAndPassword: { enabled: true },
  plugins: [jwt()],
  rateLimit: { enabled: false },
  telemetry: { enabled: false },
  logger: { disabled: true },
};

if (cluster.isPrimary) {
  await (await getMigrations(options)).runMigrations();
  await options.database.end();
  for (let i = 0; i < Number(PROCESSES); i++) cluster.fork();
  process.once('SIGTERM', () => cluster.disconnect(() => process.exit(0)));
} else {
  createServer(toNodeHandler(betterAuth(options))).listen(Number(PORT), '127.0.0.1');
}
