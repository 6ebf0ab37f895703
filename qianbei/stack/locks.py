"""One process at a time: an advisory lock on a file, released by the system when its holder ends, however it
ends."""

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from qianbei.stack.errors import StackError
from schemas.said import said

POLL_SECONDS = 0.1


@contextmanager
def held(
    path: Path, seconds: float, what: str, pause: Callable[[float], None] = time.sleep
) -> Iterator[None]:
    """Hold the lock. `StackError` saying `what` if another process still has it after `seconds`."""
    with os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o600), "r+", encoding="ascii") as file:
        deadline = time.monotonic() + seconds
        while not _take(file.fileno()):
            if time.monotonic() > deadline:
                raise StackError(
                    what,
                    said("{path}, held by pid {path2}", path=path, path2=_holder(path)),
                    said("wait for it to end, then try again"),
                )
            pause(POLL_SECONDS)
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield


def _take(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _holder(path: Path) -> str:
    return path.read_text(encoding="ascii").strip() or "unknown"
