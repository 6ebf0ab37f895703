"""Starts, stops and reports children. The vocabulary and the guarantees are in `children`."""

import json
import os
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psutil
from pydantic import ValidationError

from qianbei.stack import identity
from qianbei.stack.children import Child, ChildState, ChildStatus, Lifetime, PidRecord
from qianbei.stack.errors import StackError
from qianbei.stack.home import write_private
from qianbei.stack.logs import end_of_log
from qianbei.stack.probes import answers
from schemas.said import said

LAUNCHER = Path(__file__).with_name("launch.py")
POLL_SECONDS = 0.05
KILL_SECONDS = 10.0


@dataclass
class Supervisor:
    """Starts, stops and reports children whose records are in `run` and whose logs are in `log`."""

    run: Path
    log: Path
    lifetime: Lifetime = Lifetime.DAEMON
    clock: Callable[[], float] = time.monotonic
    pause: Callable[[float], None] = time.sleep

    def start(self, child: Child) -> bool:
        """Start it unless it runs. True if it was started now. A record whose process is gone is replaced."""
        if self.process(child.name):
            return False
        log = self.log_file(child.name)
        if log.exists():
            log.replace(log.with_suffix(".log.1"))
        pid = self._spawn(child, log)
        # None: it has ended already. The record is written all the same, so that its death is seen.
        self._write_record(child, pid, identity.birth(pid) or "ended")
        return True

    def wait_ready(self, *children: Child) -> None:
        """Until each is ready. `StackError` if one dies or takes longer than its `ready_seconds`."""
        begun = self.clock()
        waiting = list(children)
        while waiting:
            waiting = [child for child in waiting if not self._is_ready(child, self.clock() - begun)]
            if waiting:
                self.pause(POLL_SECONDS)

    def stop(self, *names: str) -> None:
        """Stop them together: each gets its stop signal, then the time of its grace, then SIGKILL. Returns
        when all are gone. Names that do not run are forgotten."""
        running = [
            (record, process)
            for name in names
            if (record := self.record(name)) and (process := self._find(record))
        ]
        for record, process in running:
            _signal(process, record.stop_signal)
        begun = self.clock()
        for record, process in running:
            self._await_end(record, process, begun + record.grace_seconds)
        for name in names:
            self._record_file(name).unlink(missing_ok=True)

    def status(self, name: str) -> ChildStatus:
        """What is known of a child, from its record and the process table."""
        record = self.record(name)
        if record is None:
            return ChildStatus(name, None, ChildState.STOPPED, None, "")
        process = self._find(record)
        if process is None:
            return ChildStatus(name, None, ChildState.DIED, record.port, self._how_it_ended(name))
        silent = _silence(process, record.port)
        state = ChildState.SILENT if silent else ChildState.RUNNING
        return ChildStatus(name, record.pid, state, record.port, silent)

    def names(self) -> list[str]:
        """Every child that was started and not stopped, by name."""
        return sorted(path.stem for path in self.run.glob("*.json"))

    def process(self, name: str) -> psutil.Process | None:
        """The living process of a child."""
        record = self.record(name)
        return self._find(record) if record else None

    def record(self, name: str) -> PidRecord | None:
        """The pid record; None if the child is stopped. A damaged one is a `StackError`: it may hide a
        process."""
        path = self._record_file(name)
        try:
            return PidRecord.model_validate_json(path.read_bytes())
        except FileNotFoundError:
            return None
        except ValidationError as error:
            raise StackError(
                said("a pid record is damaged"),
                str(path),
                said("make sure that no {name} of this home runs, then remove the file", name=name),
            ) from error

    def log_file(self, name: str) -> Path:
        return self.log / f"{name}.log"

    def _record_file(self, name: str) -> Path:
        return self.run / f"{name}.json"

    def _spawn(self, child: Child, log: Path) -> int:
        order = {
            "argv": list(child.argv),
            "user": child.user,
            "cwd": str(child.cwd) if child.cwd else None,
            "parent": os.getpid(),
            "death_signal": int(child.death_signal) if self.lifetime is Lifetime.PARENT else 0,
        }
        out = (os.POSIX_SPAWN_OPEN, 1, str(log), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        # A new session: neither the terminal's Ctrl-C nor its end reaches the child. posix_spawn, since the
        # child outlives any Popen object.
        return os.posix_spawn(
            sys.executable,
            [sys.executable, "-I", "-S", str(LAUNCHER), json.dumps(order)],
            os.environ if child.env is None else child.env,
            file_actions=[
                (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                out,
                (os.POSIX_SPAWN_DUP2, 1, 2),
            ],
            setsid=True,
        )

    def _write_record(self, child: Child, pid: int, born: str) -> None:
        record = PidRecord(
            name=child.name,
            pid=pid,
            born=born,
            argv=tuple(child.argv),
            stop_signal=int(child.stop_signal),
            grace_seconds=child.grace_seconds,
            port=child.port,
            started_at=time.time(),
        )
        self._write(record)

    def _write(self, record: PidRecord) -> None:
        write_private(self._record_file(record.name), record.model_dump_json(indent=1))

    def _find(self, record: PidRecord) -> psutil.Process | None:
        sight = identity.look(record.pid, record.born, record.argv)
        if sight.exit_code is not None:
            self._write(record.model_copy(update={"exit_code": sight.exit_code}))
        return sight.process

    def _is_ready(self, child: Child, waited: float) -> bool:
        alive = self.process(child.name) is not None  # asked before the probe: a last word may make it ready
        if child.ready(self.log_file(child.name)):
            return True
        if not alive:
            raise self._failure(
                child, f"{child.name} ended while it started: {self._how_it_ended(child.name)}"
            )
        if waited > child.ready_seconds:
            raise self._failure(
                child,
                said(
                    "{name} was not ready within {seconds:.0f} s",
                    name=child.name,
                    seconds=child.ready_seconds,
                ),
            )
        return False

    def _failure(self, child: Child, what: str) -> StackError:
        log = self.log_file(child.name)
        return StackError(
            what, str(log), end_of_log(log).mend or said("look at the end of that file, then start again")
        )

    def _how_it_ended(self, name: str) -> str:
        record = self.record(name)
        code = record.exit_code if record else None
        how = said("killed, or ended on its own") if code is None else _describe_exit(code)
        line = end_of_log(self.log_file(name)).last_line
        return said("{how}; its log ends: {line}", how=how, line=line) if line else how

    def _await_end(self, record: PidRecord, process: psutil.Process, deadline: float) -> None:
        while self._find(record) and self.clock() < deadline:
            self.pause(POLL_SECONDS)
        if not self._find(record):
            return
        _signal(process, signal.SIGKILL)
        give_up = self.clock() + KILL_SECONDS
        while self._find(record):
            if self.clock() > give_up:
                raise StackError(
                    said("{name} does not end, even by SIGKILL", name=record.name),
                    said("pid {pid}", pid=record.pid),
                    said("look for a hanging disk"),
                )
            self.pause(POLL_SECONDS)


def _signal(process: psutil.Process, number: int) -> None:
    """psutil compares the process's start again before it signals, so a reused pid is never hit."""
    try:
        process.send_signal(number)
    except psutil.NoSuchProcess:
        return


def _silence(process: psutil.Process, port: int | None) -> str:
    """Why a living process cannot answer; empty if it seems well. A suspended one still gets connections from
    the kernel."""
    try:
        state = process.status()
        if state == psutil.STATUS_STOPPED:
            return said("is suspended (SIGSTOP)")
        if state == psutil.STATUS_ZOMBIE:
            return said("is ending")
    except psutil.NoSuchProcess:
        return said("is ending")
    return "" if port is None or answers(port) else said("does not answer on port {port}", port=port)


def _describe_exit(code: int) -> str:
    if code < 0:
        return said("killed by {signal}", signal=signal.Signals(-code).name)
    return said("ended with exit code {code}", code=code)
