"""Running a server's own set-up programs (initdb, the storage formatter) with a limit of time and a clear
failure."""

import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from qianbei.stack.errors import StackError
from qianbei.stack.logs import end_of_log
from schemas.said import said


@dataclass(frozen=True)
class Command:
    """One program to run to its end; what it prints goes to `log`."""

    name: str
    argv: Sequence[str]
    env: Mapping[str, str]
    log: Path
    user: str | None = None
    seconds: float = 120.0


def run_all(commands: Sequence[Command]) -> None:
    """Run them at the same time. `StackError` for the first that fails; none is left running."""
    running: list[tuple[Command, subprocess.Popen[bytes]]] = []
    try:
        for command in commands:  # one by one: what has started must be ended if the next cannot start
            running.append((command, _start(command)))  # noqa: PERF401
        for command, process in running:
            _finish(command, process)
    finally:
        for _, process in running:
            process.kill()
            process.wait()


def _start(command: Command) -> subprocess.Popen[bytes]:
    with command.log.open("wb") as log:
        return subprocess.Popen(
            command.argv,
            env=dict(command.env),
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            user=command.user,
            group=command.user,
            extra_groups=[] if command.user else None,
        )


def _finish(command: Command, process: subprocess.Popen[bytes]) -> None:
    try:
        code = process.wait(command.seconds)
    except subprocess.TimeoutExpired as error:
        raise StackError(
            said("{name} took over {seconds:.0f} s", name=command.name, seconds=command.seconds),
            str(command.log),
            said("start again"),
        ) from error
    if code != 0:
        end = end_of_log(command.log)
        raise StackError(
            said("{name} failed: {last_line}", name=command.name, last_line=end.last_line),
            str(command.log),
            end.mend or said("look at that file, then start again"),
        )
