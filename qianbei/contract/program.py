"""An agency's command as a child process whose standard output tells what it holds."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from qianbei.contract.judge import State, state_of

_LOOK_S = 0.05
_TAIL = 600


@dataclass(frozen=True, slots=True)
class Program:
    """One life of the command, in a process group of its own."""

    process: "subprocess.Popen[bytes]"
    output: Path
    errors: Path

    def states(self) -> list[State]:
        """What it has told so far; a line that is not whole yet is left for later."""
        text = self.output.read_text(encoding="utf-8", errors="replace")
        lines = text[: text.rfind("\n") + 1].splitlines()
        return [state for state in map(state_of, lines) if state is not None]

    def until(self, done: Callable[[], bool], seconds: float) -> bool:
        """Wait until something is so, the program has ended, or the time is over; whether it is so."""
        deadline = time.monotonic() + seconds
        while not done():
            if self.process.poll() is not None or time.monotonic() > deadline:
                return done()
            time.sleep(_LOOK_S)
        return True

    def died(self) -> str | None:
        """Why it ended by itself; None if it runs."""
        code = self.process.poll()
        if code is None:
            return None
        said = self.errors.read_text(encoding="utf-8", errors="replace").strip()[-_TAIL:]
        return f"it ended with exit code {code}: {said or 'it said nothing on standard error'}"

    def kill(self) -> None:
        """kill -9, with all that it has started."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def stop(self, seconds: float) -> int | None:
        """SIGTERM; gives the exit code, or None if it did not end in time."""
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            return None


@contextmanager
def running(
    command: Sequence[str], environment: Mapping[str, str], folder: Path, life: str
) -> Iterator[Program]:
    """Start the command; at the end of the block nothing of it runs. Raises OSError if it cannot be started."""
    output, errors = folder / f"{life}.out", folder / f"{life}.err"
    with output.open("wb") as out, errors.open("wb") as err:
        process = subprocess.Popen(
            command, env=environment, stdin=subprocess.DEVNULL, stdout=out, stderr=err, start_new_session=True
        )
    program = Program(process, output, errors)
    try:
        yield program
    finally:
        program.kill()
