"""A stack for the length of a `with` block: for tests and demonstrations."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from qianbei.stack.children import Lifetime
from qianbei.stack.errors import StackError
from qianbei.stack.stack import Stack, quiet
from schemas.said import said


@contextmanager
def embedded_stack(home: Path, say: Callable[[str], None] = quiet) -> Iterator[Stack]:
    """Start the stack in `home`, stop it at the end of the block, whatever ends it: an exception, Ctrl-C,
    SIGTERM. After `kill -9` of this process the kernel stops the servers (on Linux; elsewhere they stay, for
    `qianbei down`).

    Enter it in a thread that lives as long as the block: the servers end with the thread that started them.
    `home` stays, and can be entered again.
    """
    stack = Stack(home, Lifetime.PARENT, say)
    _refuse_running(stack)
    with _sigterm_raises():
        try:
            stack.up()
            yield stack
        finally:
            stack.down()


def _refuse_running(stack: Stack) -> None:
    """At the end of the block everything of the home is stopped, which must not hit a stack that somebody
    else uses."""
    running = [name for name in stack.supervisor.names() if stack.supervisor.process(name)]
    if running:
        raise StackError(
            said("a stack already runs there: {running}", running=", ".join(running)),
            str(stack.home),
            said("use another home, or run `qianbei down`"),
        )


@contextmanager
def _sigterm_raises() -> Iterator[None]:
    """SIGTERM ends Python without leaving `with` blocks. Within this one it raises SystemExit, unless the
    program has a handler of its own or this is not the main thread (where Python allows no handlers)."""
    if (
        threading.current_thread() is not threading.main_thread()
        or signal.getsignal(signal.SIGTERM) != signal.SIG_DFL
    ):
        yield
        return
    signal.signal(signal.SIGTERM, _exit)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _exit(number: int, _frame: FrameType | None) -> None:
    raise SystemExit(128 + number)
