"""Supervised child processes: started as daemons, remembered in pid records, stopped only when proven ours.

Vocabulary
* A `Child` says how to run one program; its `name` is unique in a home.
* A *pid record* (`run/<name>.json`) says which process was started for it. It is written right after the
  start and removed by a stop, so a record without its process means that the child died.
* The `Supervisor` starts, waits, stops and reports. It holds no threads and may be thrown away: a later one,
  in another process, goes on from the records.

Guarantees: `start` of a running child starts nothing; no signal is ever sent to a process that is not proven
to be the recorded one; `stop` returns only when the process is gone. With `Lifetime.PARENT` (Linux) the
kernel ends the child when the thread that started it ends, however it ends.
"""

import signal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from qianbei.stack.probes import Probe, always


class Lifetime(Enum):
    """How long children run."""

    DAEMON = "daemon"
    """Until somebody stops them."""
    PARENT = "parent"
    """At most as long as the thread that started them: for tests and demonstrations, where `kill -9` leaves
    nothing."""


class ChildState(Enum):
    """What the supervisor sees of a child."""

    RUNNING = "running"
    SILENT = "silent"
    """The process runs and does not answer on its port: still starting, or hanging."""
    DIED = "died"
    """It was started, was not stopped, and is gone."""
    STOPPED = "stopped"


@dataclass(frozen=True)
class Child:
    """How to run one program."""

    name: str
    argv: Sequence[str]
    env: Mapping[str, str] | None = None
    """The whole environment; None means that of the supervisor."""
    cwd: Path | None = None
    ready: Probe = always
    ready_seconds: float = 60.0
    stop_signal: signal.Signals = signal.SIGTERM
    grace_seconds: float = 20.0
    """After that long the stop signal is followed by SIGKILL."""
    death_signal: signal.Signals = signal.SIGKILL
    """Sent by the kernel at the parent's death with `Lifetime.PARENT`."""
    port: int | None = None
    """Only for reports: where it listens."""
    user: str | None = None
    """The operating system's user to become; only root can."""


class PidRecord(BaseModel):
    """One started process, as `run/<name>.json`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    pid: int
    born: str
    """`identity.birth` of the process: tells it from a later one with the same pid."""
    argv: tuple[str, ...]
    stop_signal: int
    grace_seconds: float
    port: int | None
    started_at: float
    """Unix seconds, for people."""
    exit_code: int | None = None
    """How it ended, minus the number of a signal. Only its parent process learns that."""


@dataclass(frozen=True)
class ChildStatus:
    """A line of `status`."""

    name: str
    pid: int | None
    state: ChildState
    port: int | None
    detail: str
