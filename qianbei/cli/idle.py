"""Work that may wait for anything else on its machine."""

import os


def yield_processor() -> None:
    """From now on this process, and those that it starts, run only where a processor is idle; for good.

    Under Linux by the policy SCHED_IDLE (sched(7)): such a process is put aside at once when another wakes up, where a nice
    one first ends its slice, which live records would wait for. Elsewhere by the lowest priority.
    """
    if hasattr(os, "SCHED_IDLE"):
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    else:
        os.nice(19)
