"""The two services around the database: the mail catcher and the edge."""

import json
import os
import pathlib
import signal
import socket
import subprocess
import urllib.error
import urllib.request

from parts import children

HERE = pathlib.Path(__file__).resolve().parents[1]
START_SECONDS = 20
DRAIN_SECONDS = 20
NOT_FOR_THE_EDGE = {"MANA_AUTH_KEK", "MANA_AUTH_KEK_FILE"}  # the key-encryption key is the database's alone
FREE_PORTS = range(20000, 30000)  # below the range from which the kernel takes ports for outgoing connections


class MailCatcher:
    PREFERRED = {"smtp": 1025, "http": 8025}

    def __init__(self, at, free_ports):
        self.at = at
        self.wanted = {"smtp": 0, "http": 0} if free_ports else dict(self.PREFERRED)
        self.child = None

    def start(self):
        ports = {name: port if port == 0 or is_free(port) else 0 for name, port in self.wanted.items()}
        self.child = children.Child(
            "mail catcher",
            [HERE / "mailcatcher", "--dir", self.at.mail, "--smtp-port", ports["smtp"], "--http-port", ports["http"]],
            user=None,
            stop_signal=signal.SIGTERM,
            log=self.at.log / "mailcatcher.log",
            env={"PATH": os.environ["PATH"], "PYTHONDONTWRITEBYTECODE": "1"},
            stdout=subprocess.PIPE,
        )
        ready = self.child.process.stdout.readline()
        if not ready:
            self.child.wait_until(lambda: False, START_SECONDS, "start-up")
        addresses = json.loads(ready)
        self.wanted = {"smtp": addresses["smtpPort"], "http": addresses["httpPort"]}  # the same after a restart

    def stop(self):
        if self.child is not None:
            self.child.stop(DRAIN_SECONDS)
            self.child.process.stdout.close()
            self.child = None

    def url(self):
        return f"http://localhost:{self.wanted['http']}"


class Edge:
    """The edge with 2 workers. What the caller's environment says wins over every default made here."""

    def __init__(self, at, environment, free_ports):
        self.at = at
        self.child = None
        self.reservation = None
        given = {name: value for name, value in environment.items() if value and name not in NOT_FOR_THE_EDGE}
        if "PORT" not in given:
            given["PORT"] = self._reserve() if free_ports else "3001"
        self.port = int(given["PORT"])
        given.setdefault("BASE_URL", f"http://localhost:{self.port}")
        given.setdefault("WORKERS", "2")
        given.setdefault("BIND", "127.0.0.1")
        self.environment = given

    def default(self, name, value):
        self.environment.setdefault(name, value)

    def start(self):
        if self.reservation is None and not is_free(self.port):
            raise children.Failed(f"edge: port {self.port} is taken; choose another: PORT=4001 make run")
        self.child = children.Child(
            "edge",
            [self.at.programs / "mana-auth-edge", "run"],
            user=self.at.users.edge,
            stop_signal=signal.SIGTERM,
            log=self.at.log / "edge.log",
            env=self.environment,
        )
        self.child.wait_until(self._healthy, START_SECONDS, "start-up")

    def stop(self, how=signal.SIGTERM):
        if self.child is not None:
            self.child.stop(DRAIN_SECONDS, how)
            self.child = None

    def url(self):
        return f"http://localhost:{self.port}"

    def _healthy(self):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/health/ready", timeout=2) as answer:
                return answer.status == 200
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            return False

    def _reserve(self):
        """Holds a free port for the life of the stack: bound and not listened on, shared with the edge alone."""
        for port in FREE_PORTS:
            holder = socket.socket()
            try:
                holder.bind(("127.0.0.1", port))
            except OSError:
                holder.close()
                continue
            holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self.reservation = holder
            return str(port)
        raise children.Failed("edge: no free port")


def is_free(port):
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True
