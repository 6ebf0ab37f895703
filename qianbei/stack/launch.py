"""Becomes another program: the last step between the supervisor and a child. Run by path, standard library
only.

    python -I -S launch.py '{"argv": [...], "user": null, "cwd": "...", "parent": 123, "death_signal": 9}'

It exists because changing the user and asking the kernel for a signal at the parent's death must happen in
the child, and code between fork and exec of a process with threads is not safe. The pid stays the same.
"""

import ctypes
import json
import os
import sys

PR_SET_PDEATHSIG = 1


def become_user(name: str) -> None:
    """Give up root for good."""
    import pwd  # noqa: PLC0415 - only root needs it

    entry = pwd.getpwnam(name)
    os.initgroups(name, entry.pw_gid)
    os.setgid(entry.pw_gid)
    os.setuid(entry.pw_uid)


def die_with(parent: int, death_signal: int) -> None:
    """Receive `death_signal` when the parent's thread that started us ends. After `become_user`, which clears
    it."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_PDEATHSIG, death_signal, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl")
    if os.getppid() != parent:  # the parent ended before the request was in place
        sys.exit(0)


def main() -> None:
    order = json.loads(sys.argv[1])
    os.umask(0o077)
    if order["cwd"]:
        os.chdir(order["cwd"])
    if order["user"]:
        become_user(order["user"])
    if order["death_signal"] and sys.platform == "linux":
        die_with(order["parent"], order["death_signal"])
    try:
        os.execv(order["argv"][0], order["argv"])  # noqa: S606 - becoming it is the purpose
    except OSError as error:
        sys.stderr.write(f"cannot run {order['argv'][0]}: {error.strerror}\n")
        os._exit(127)


if __name__ == "__main__":
    main()
