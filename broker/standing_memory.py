"""What a service has loaded before its first record, kept out of the collector's way."""

import gc


def set_aside() -> None:
    """Let the garbage collector never look again at what there is now. For once, before the first record or call.

    Modules, schemas and what was compiled of them live as long as the process. Each full collection would walk through all
    of it, which takes more than 100 ms in which everything waits, every few hundred calls.
    """
    gc.collect()
    gc.freeze()
