"""The private PostgreSQL cluster of a stack: unix socket only, our extension from the build folder, its own roles.

Nothing of the system is touched: `extension_destdir` (Debian's setting) lets the server find an extension that was
installed below build/pgroot, so two checkouts can run side by side with different builds.
"""

import base64
import os
import secrets
import signal
import subprocess
import urllib.parse

from parts import children, places

BIN = "/usr/lib/postgresql/15/bin"
DATABASE = "mana_platform"
START_SECONDS = 30
STOP_SECONDS = 20

CONFIGURATION = """# written by tests/stack at every start
listen_addresses = ''
unix_socket_directories = '{socket}'
shared_preload_libraries = 'mana_auth'
extension_destdir = '{pgroot}'
dynamic_library_path = '{pgroot}/usr/lib/postgresql/15/lib:$libdir'
mana_auth.kek_file = '{kek}'
max_connections = 120
shared_buffers = 64MB
timezone = 'UTC'
log_timezone = 'UTC'
fsync = {fsync}
# secrets are sent as parameters, and parameters are not logged
log_parameter_max_length = 0
log_parameter_max_length_on_error = 0
log_line_prefix = '%m [%p] %q%u@%d '
"""

ACCESS = """# written by tests/stack at every start
local all postgres  peer map=owner
local all auth_edge scram-sha-256
local all +auth_mailer scram-sha-256
# a stand-in for the sync service's database, where a test makes one
local mana_sync mana_gdpr scram-sha-256
"""

ROLES = """
SET log_min_error_statement = panic;
ALTER ROLE auth_edge LOGIN PASSWORD :'password';
"""

SYNC_SERVER = """
SET log_min_error_statement = panic;
CREATE EXTENSION IF NOT EXISTS postgres_fdw;
DROP SERVER IF EXISTS mana_sync CASCADE;
CREATE SERVER mana_sync FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host :'host', port :'port', dbname :'dbname');
CREATE USER MAPPING FOR auth_owner SERVER mana_sync OPTIONS (user :'user', password :'password');
GRANT USAGE ON FOREIGN SERVER mana_sync TO auth_owner;
"""


class Cluster:
    def __init__(self, at, environment, settings):
        self.at = at
        self.child = None
        self.settings = settings
        self.given_keys = given(environment, "MANA_AUTH_KEK")
        self.kek = at.secrets / ("kek" if self.given_keys is None else "kek-given")
        self.password = self._password()
        self.sync = connection(environment["SYNC_DATABASE_URL"]) if environment.get("SYNC_DATABASE_URL") else None

    def prepare(self):
        """Makes what a first run lacks; returns the lines a person should read."""
        if self.given_keys is not None:
            self._write_private(self.kek, self.given_keys, self.at.users.database)
        elif not self.kek.exists():
            key = base64.b64encode(secrets.token_bytes(32)).decode()
            self._write_private(self.kek, f"env-v1:{key}\n", self.at.users.database)
        if not (self.at.data / "PG_VERSION").exists():
            self.at.data.mkdir(mode=0o700, exist_ok=True)
            self.at.give(self.at.data, self.at.users.database, 0o700)
            self._initdb()
        self._write_configuration()
        if self.given_keys is not None:
            return []
        return [f"DEVELOPMENT key-encryption key in {self.kek}: never put real data under it"]

    def start(self):
        self.child = children.Child(
            "postgres",
            [f"{BIN}/postgres", "-D", self.at.data],
            user=self.at.users.database,
            stop_signal=signal.SIGINT,  # a fast shutdown
            log=self.at.log / "postgres.log",
            env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"},
        )
        self.child.wait_until(self._answers, START_SECONDS, "start-up")

    def create(self):
        """The database, the extension and the edge's login; all of it may be there already."""
        if self.sql("postgres", f"SELECT 1 FROM pg_database WHERE datname = '{DATABASE}'") == "":
            self.sql("postgres", f"CREATE DATABASE {DATABASE} TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C.UTF-8'")
        self.sql(DATABASE, "CREATE EXTENSION IF NOT EXISTS mana_auth CASCADE")
        self.sql(DATABASE, "ALTER EXTENSION mana_auth UPDATE")
        self.sql("postgres", ROLES, f"--set=password={self.password}")
        if self.sync is not None:
            self.sql(DATABASE, SYNC_SERVER, *(f"--set={name}={value}" for name, value in self.sync.items()))

    def stop(self, mode="fast"):
        how = {"fast": signal.SIGINT, "immediate": signal.SIGQUIT}[mode]
        if self.child is not None:
            self.child.stop(STOP_SECONDS, how)
            self.child = None

    def edge_url(self):
        return f"postgresql://auth_edge:{self.password}@/{DATABASE}?host={self.at.socket}"

    def psql_line(self):
        return f"psql -h {self.at.socket} -U postgres {DATABASE}"

    def sql(self, database, text, *options):
        """Runs SQL as the superuser; the text goes through a pipe, not through the list of processes."""
        done = subprocess.run(
            [*self._psql(), "-qAtX", "-v", "ON_ERROR_STOP=1", "-f", "-", *options, database],
            input=text,
            capture_output=True,
            text=True,
        )
        if done.returncode != 0:
            raise children.Failed(f"postgres: {done.stderr.strip()}\n{self.child.log_end()}")
        return done.stdout.strip()

    def _psql(self):
        return [f"{BIN}/psql", "-h", str(self.at.socket), "-U", "postgres"]

    def _answers(self):
        probe = [f"{BIN}/pg_isready", "-q", "-h", str(self.at.socket), "-U", "postgres", "-d", "postgres"]
        return subprocess.run(probe).returncode == 0

    def _initdb(self):
        done = subprocess.run(
            [
                *places.become(self.at.users.database),
                *(f"{BIN}/initdb", "-D", str(self.at.data), "-U", "postgres", "--auth=peer"),
                *("--encoding=UTF8", "--locale=C.UTF-8", "--no-sync", "--data-checksums"),
            ],
            capture_output=True,
            text=True,
            cwd="/",
        )
        if done.returncode != 0:
            raise children.Failed(f"initdb: {done.stderr.strip()}")

    def _write_configuration(self):
        settings = CONFIGURATION.format(
            socket=self.at.socket,
            pgroot=self.at.programs / "pgroot",
            kek=self.kek,
            fsync="off" if self.at.fresh else "on",
        )
        settings += "".join(f"{name} = '{value}'\n" for name, value in self.settings)
        owners = {self.at.users.caller, self.at.users.database or self.at.users.caller}
        identities = "".join(f"owner {name} postgres\n" for name in sorted(owners))
        for name, text in (("postgresql.conf", settings), ("pg_hba.conf", ACCESS), ("pg_ident.conf", identities)):
            self._write_private(self.at.data / name, text, self.at.users.database)

    def _password(self):
        file = self.at.secrets / "auth_edge"
        if not file.exists():
            self._write_private(file, secrets.token_urlsafe(24), None)
        return file.read_text(encoding="ascii")

    def _write_private(self, path, text, owner):
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
            file.write(text)
        self.at.give(path, owner, 0o600)


def connection(url):
    """A connection URL of libpq as options of a foreign server and its user mapping."""
    parts = urllib.parse.urlsplit(url)
    query = dict(urllib.parse.parse_qsl(parts.query))
    plain = urllib.parse.unquote
    return {
        "host": query.get("host") or parts.hostname or "localhost",
        "port": query.get("port") or str(parts.port or 5432),
        "dbname": plain(parts.path.lstrip("/")) or "mana_sync",
        "user": plain(parts.username or ""),
        "password": plain(parts.password or ""),
    }


def given(environment, name):
    """A secret of the caller's environment, by value or as NAME_FILE; None without."""
    if environment.get(name):
        return environment[name] + "\n"
    if environment.get(f"{name}_FILE"):
        with open(environment[f"{name}_FILE"], encoding="ascii") as file:
            return file.read()
    return None
