"""Where a stack keeps its things, and under which users it runs.

Normally everything is under the checkout's build/ folder. Started by root, PostgreSQL and the edge run as ordinary
users, who may not be able to enter the checkout (a clone below /root, say); then the stack lives below /var/tmp and
takes copies of what was built.
"""

import fcntl
import hashlib
import os
import pathlib
import pwd
import shutil
import subprocess
import tempfile

CHECKOUT = pathlib.Path(__file__).resolve().parents[3]
SOCKET_PATH_MAX = 80  # a unix socket's path has 108 bytes, and PostgreSQL appends its own name


class InUse(Exception):
    """Another stack runs in this directory."""


class Users:
    """Who runs what: the caller himself, or, when that is root, two users without privileges."""

    def __init__(self):
        as_root = os.getuid() == 0
        self.database = "postgres" if as_root else None
        self.edge = "nobody" if as_root else None
        self.caller = pwd.getpwuid(os.getuid()).pw_name

    def can_enter(self, directory):
        return all(
            subprocess.run([*become(user), "test", "-r", directory, "-a", "-x", directory]).returncode == 0
            for user in {self.database, self.edge}
        )


def become(user, *options):
    """The command line prefix that runs a program as a user (None: as who we are), with no way back."""
    if user is None:
        return ["setpriv", "--no-new-privs", *options]
    entry = pwd.getpwnam(user)
    identity = [f"--reuid={entry.pw_uid}", f"--regid={entry.pw_gid}", "--clear-groups"]
    return ["setpriv", *identity, "--no-new-privs", *options]


class Places:
    def __init__(self, name, users, fresh):
        self.users = users
        self.notes = []
        build = CHECKOUT / "build"
        build.mkdir(exist_ok=True)
        base = build
        if not users.can_enter(build):
            base = pathlib.Path("/var/tmp") / f"mana-auth-{short_hash(CHECKOUT)}"
            base.mkdir(mode=0o755, exist_ok=True)
            if base.stat().st_uid != os.getuid():
                raise PermissionError(f"{base} belongs to somebody else")
            self.notes.append(f"{build} cannot be entered by {users.database}: the stack lives in {base}")
        stacks = base / "stacks"
        stacks.mkdir(exist_ok=True)
        if fresh:
            name = f"{name}-{os.getpid()}"
        self.fresh = fresh
        self.root = stacks / name if fresh else base / name
        # One at a time: a folder that is not locked yet looks abandoned to whoever sweeps.
        with open(stacks / "making", "a", encoding="ascii") as making:
            fcntl.flock(making, fcntl.LOCK_EX)
            if fresh:
                sweep_abandoned(stacks)
            self.root.mkdir(mode=0o755, exist_ok=True)
            self.lock = take_lock(self.root)
        self.programs = build if base == build else self._copy_programs(build)
        self.log = self._directory("log", 0o755)
        self.mail = self._directory("mail", 0o700)
        self.secrets = self._directory("secrets", 0o711)
        self.data = self.root / "pgdata"
        self.children = self.root / "children.json"
        self.socket = self._socket_directory()

    def give(self, path, user, mode):
        """Makes a path a user's own."""
        if user is not None:
            shutil.chown(path, user, pwd.getpwnam(user).pw_gid)
        os.chmod(path, mode)

    def remove(self):
        """Takes a fresh stack's files away; others stay for the next run."""
        if not str(self.socket).startswith(str(self.root)):
            shutil.rmtree(self.socket, ignore_errors=True)
        if self.fresh:
            shutil.rmtree(self.root)

    def _directory(self, name, mode):
        path = self.root / name
        path.mkdir(exist_ok=True)
        path.chmod(mode)
        return path

    def _socket_directory(self):
        path = self.root / "socket"
        if len(str(path)) > SOCKET_PATH_MAX:
            path = pathlib.Path(tempfile.mkdtemp(prefix="mana-auth-"))
        path.mkdir(exist_ok=True)
        if self.users.database is None:
            path.chmod(0o700)
        else:
            owner, group = pwd.getpwnam(self.users.database).pw_uid, pwd.getpwnam(self.users.edge).pw_gid
            os.chown(path, owner, group)
            path.chmod(0o750)
        return path

    def _copy_programs(self, build):
        target = self.root / "programs"
        shutil.rmtree(target, ignore_errors=True)
        (target / "edge").mkdir(parents=True)
        for program in ("mana-auth-edge", "edge/edge.so", "edge/hash_memory.so"):
            shutil.copy2(build / program, target / program)
        shutil.copytree(build / "pgroot", target / "pgroot")
        return target


def take_lock(directory):
    """Held as long as this process lives, whatever ends it."""
    lock = open(directory / "lock", "a", encoding="ascii")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise InUse(f"a stack is running in {directory} already") from None
    return lock


def sweep_abandoned(stacks):
    """Removes what fresh stacks left whose process was killed before it could clean up."""
    from parts import children

    for directory in stacks.iterdir():
        try:
            with take_lock(directory):
                children.end_recorded(directory / "children.json")
                shutil.rmtree(directory)
        except (InUse, FileNotFoundError, NotADirectoryError):
            continue


def short_hash(path):
    return hashlib.sha256(str(path).encode()).hexdigest()[:8]
