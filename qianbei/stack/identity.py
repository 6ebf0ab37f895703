"""Which process a pid record means.

A pid alone is reused by the system. A process is ours only if its start is the recorded one and it runs the
recorded command. On Linux the start is the boot's id and the kernel's own tick count: it does not move with
the clock, unlike a wall-clock time.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from qianbei.stack.errors import StackError
from schemas.said import said


def birth(pid: int) -> str | None:
    """A word that no other process has, before or after; None if there is no such process."""
    if Path("/proc/self/stat").exists():
        return _linux_birth(pid)
    try:
        return f"{psutil.Process(pid).create_time():.2f}"
    except psutil.NoSuchProcess:
        return None


def _linux_birth(pid: int) -> str | None:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return None
    # The second field is the command in parentheses and may hold anything; field 22 is the start in ticks.
    ticks = stat.rpartition(")")[2].split()[19]
    boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    return f"{boot}:{ticks}"


@dataclass(frozen=True)
class Sight:
    """What is left of a process."""

    process: psutil.Process | None
    """None: it has ended, or the pid is another process's now."""
    exit_code: int | None = None
    """How it ended, minus the number of a signal; only its parent learns that, and only once."""


GONE = Sight(None)


def look(pid: int, born: str, argv: Sequence[str]) -> Sight:
    """Look for the process that was started so, and reap it if it is an ended child of this one."""
    try:
        process = psutil.Process(pid)
        if birth(pid) != born:
            return GONE
        if process.status() == psutil.STATUS_ZOMBIE:
            return _look_at_zombie(process)
        command = process.cmdline()
    except psutil.NoSuchProcess:
        return GONE
    except psutil.AccessDenied as error:
        raise StackError(
            said("a child of the stack runs as another user"),
            said("pid {pid}", pid=pid),
            said("run the command as the user who started the stack"),
        ) from error
    # While the launcher runs, and in the moments of an exec, the command is not yet the recorded one.
    return GONE if command and not _runs(command, argv) else Sight(process)


def _look_at_zombie(process: psutil.Process) -> Sight:
    """A killed JVM is a zombie at once, but its threads hold its ports and files for a moment longer: until
    then it cannot be reaped."""
    try:
        done, status = os.waitpid(process.pid, os.WNOHANG)
    except ChildProcessError:  # somebody else's child, who may never reap it
        return Sight(process) if process.num_threads() > 1 else GONE
    return Sight(None, os.waitstatus_to_exitcode(status)) if done else Sight(process)


def _runs(command: Sequence[str], argv: Sequence[str]) -> bool:
    launching = any(part.endswith("launch.py") for part in command)
    return launching or list(command[-len(argv) :]) == list(argv)
