"""The processes of a stack: started so that they cannot outlive it, stopped so that nothing of them is left.

Each child leads a session of its own (Ctrl-C in a terminal reaches the stack alone, which then stops its children in
order) and gets a signal from the kernel when the stack dies. The stack is the reaper of its descendants, so a
grandchild whose parent was killed comes back to it. System V shared memory of a process that was killed is removed.
"""

import ctypes
import json
import os
import pathlib
import signal
import subprocess
import time

from parts import places

PR_SET_CHILD_SUBREAPER = 36
POLL_SECONDS = 0.05


class Failed(Exception):
    """A part of the stack did not start, or died; the message says which and why."""


class Interrupted(Exception):
    """A signal asked the stack to stop while it waited for something."""


def adopt_orphans():
    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_CHILD_SUBREAPER)")


class Child:
    """One program; `stop_signal` is its own word for an orderly end."""

    record = None  # the file that says which children run, for whoever must clean up after a killed stack
    running = []
    interrupted = staticmethod(lambda: False)

    def __init__(self, name, argv, *, user, stop_signal, log, env, stdout=None):
        self.name = name
        self.stop_signal = stop_signal
        self.log = log
        death = f"--pdeathsig={stop_signal.name.removeprefix('SIG')}"
        with open(log, "ab") as output:
            self.process = subprocess.Popen(
                [*places.become(user, death), *map(str, argv)],
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=output if stdout is None else stdout,
                stderr=output,
                start_new_session=True,
            )
        self.pid = self.process.pid
        Child.running.append(self)
        write_record()

    def alive(self):
        return self.process.poll() is None

    def wait_until(self, condition, seconds, what):
        """Waits for a condition; fails at once, with the end of the log, when the child dies first."""
        deadline = time.monotonic() + seconds
        while not condition():
            if Child.interrupted():
                raise Interrupted
            if not self.alive():
                self.forget()
                raise Failed(f"{self.name} ended with status {self.process.returncode}\n{self.log_end()}")
            if time.monotonic() > deadline:
                raise Failed(f"{self.name}: {what} took more than {seconds} seconds\n{self.log_end()}")
            time.sleep(POLL_SECONDS)

    def stop(self, seconds, stop_signal=None):
        if self.alive():
            self.process.send_signal(stop_signal or self.stop_signal)
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            print(f"stack: {self.name} did not stop within {seconds} seconds: killed", flush=True)
        self.forget()

    def forget(self):
        """Ends what is left of the child's group and takes back its shared memory."""
        try:
            os.killpg(self.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait()
        end_orphans({child.pid for child in Child.running if child is not self})
        remove_shared_memory(self.pid)
        if self in Child.running:
            Child.running.remove(self)
        write_record()

    def log_end(self, lines=15):
        text = pathlib.Path(self.log).read_text(encoding="utf-8", errors="replace")
        return f"--- end of {self.log}\n" + "\n".join(text.splitlines()[-lines:])


def end_orphans(wanted):
    """Kills processes that came back to us because their parent, a child of ours, is gone."""
    for pid, parent in ((pid, parent_of(pid)) for pid in process_ids()):
        if parent == os.getpid() and pid not in wanted:
            try:
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)
            except (ProcessLookupError, ChildProcessError):
                pass


def remove_shared_memory(creator):
    """Removes the System V segments that a dead process made and nobody is attached to any more."""
    with open("/proc/sysvipc/shm", encoding="ascii") as table:
        columns = next(table).split()
        segments = [dict(zip(columns, line.split())) for line in table]
    for segment in segments:
        if int(segment["cpid"]) == creator and int(segment["nattch"]) == 0:
            subprocess.run(["ipcrm", "-m", segment["shmid"]], check=True)


def write_record():
    if Child.record is None:
        return
    entries = [{"name": child.name, "pid": child.pid, "started": started_at(child.pid)} for child in Child.running]
    partial = Child.record.with_suffix(".partial")
    partial.write_text(json.dumps(entries), encoding="ascii")
    partial.rename(Child.record)


def end_recorded(record):
    """Ends the children of a stack that was killed, if the kernel's signal has not done so, and their leftovers."""
    if not record.exists():
        return
    for entry in json.loads(record.read_text(encoding="ascii")):
        pid = entry["pid"]
        if started_at(pid) == entry["started"]:
            os.killpg(pid, signal.SIGKILL)
            while started_at(pid) == entry["started"]:
                time.sleep(POLL_SECONDS)
        remove_shared_memory(pid)
    record.unlink()


def process_ids():
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def stat_fields(pid):
    """The fields of /proc/PID/stat after the name, which may itself hold blanks and brackets."""
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None


def parent_of(pid):
    fields = stat_fields(pid)
    return int(fields[1]) if fields else None


def started_at(pid):
    """When a process was started, in ticks since boot; with the pid it names one process for good."""
    fields = stat_fields(pid)
    return int(fields[19]) if fields and fields[0] != "Z" else None
