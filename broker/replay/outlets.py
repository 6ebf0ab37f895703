"""Where a replay goes that is kept nowhere: a stream of lines, or the standard input of a command."""

import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import IO

from broker.errors import ConfigError, QianbeiError
from broker.replay.forms import json_line
from broker.replay.replaying import Chosen, Marks
from schemas.said import said


class CommandFailed(QianbeiError):
    """The command that was fed ended before it had everything, or with another code than 0."""


class Shown:
    """Shows each record."""

    def __init__(self, show: Callable[[Chosen], None]) -> None:
        self._show = show

    def take(self, chosen: Chosen) -> None:
        """See ``Target``."""
        self._show(chosen)

    def settle(self) -> Marks:
        """See ``Target``: nothing of it is lasting."""
        return {}


@contextmanager
def fed(command: Sequence[str]) -> Iterator[Shown]:
    """A command that is given each record as a line of JSON on its standard input.

    Raises ConfigError if it cannot be started, CommandFailed if it does not take all or does not end with 0.
    """
    try:
        process = subprocess.Popen(command, stdin=subprocess.PIPE, text=True, encoding="utf-8")
    except OSError as error:
        raise ConfigError(
            said("{command} cannot be run ({strerror})", command=command[0], strerror=error.strerror)
        ) from None
    assert process.stdin is not None
    try:
        yield Shown(_writing(process.stdin))
        process.stdin.close()
    except BrokenPipeError:
        with suppress(BrokenPipeError):  # closing tries once more to write what could not be written
            process.stdin.close()
        code = process.wait()
        raise CommandFailed(
            said("{command} ended with {code} before it had everything", command=command[0], code=code)
        ) from None
    except BaseException:
        with suppress(BrokenPipeError):
            process.stdin.close()
        process.terminate()
        process.wait()
        raise
    if code := process.wait():
        raise CommandFailed(said("{command} ended with {code}", command=command[0], code=code))


def _writing(stream: IO[str]) -> Callable[[Chosen], None]:
    def write(chosen: Chosen) -> None:
        stream.write(json_line(chosen))

    return write
