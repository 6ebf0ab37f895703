"""Waiting for what another process does: by looking again, never for a fixed time."""

import threading
from collections.abc import Callable

LOOK_SECONDS = 0.02


def wait_until(true: Callable[[], bool], seconds: float = 15) -> None:
    """Return as soon as it is true; fail the test if it is not within `seconds`."""
    looks = int(seconds / LOOK_SECONDS)
    never = threading.Event()
    for _ in range(looks):
        if true():
            return
        never.wait(LOOK_SECONDS)
    raise AssertionError(f"not true within {seconds} s")
