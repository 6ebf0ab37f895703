"""The one error of the embedded stack.

Everything that keeps the stack from starting, stopping or answering ends in a `StackError`. Its text is one
line that an operator can act on: what went wrong, where, and how to mend it. Details (log tails) go to the
log files, whose place is named in `where`.
"""

from schemas.said import said


class StackError(Exception):
    """What is wrong, where (a path, a port, a process), and how to mend it. Never holds a password."""

    def __init__(self, what: str, where: str, mend: str) -> None:
        super().__init__(said("{what} ({where}). To mend it: {mend}", what=what, where=where, mend=mend))
        self.what = what
        self.where = where
        self.mend = mend
