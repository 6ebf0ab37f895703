"""What can be wrong with a batch. ``code`` is for programs; the text says what, where and how to mend it."""

from typing import Literal

from broker.errors import QianbeiError
from schemas.said import said

Code = Literal[
    "TORN_MANIFEST",
    "UNKNOWN_FORMAT",
    "BAD_MANIFEST",
    "WRONG_CHANNEL",
    "WRONG_NUMBER",
    "FORK",
    "BAD_SIGNATURE",
    "NOT_A_FILE",
    "MISSING_FILE",
    "WRONG_SIZE",
    "WRONG_DIGEST",
    "WRONG_COUNT",
    "BAD_RECORD",
]

MAKE_ANEW = said("mend the program that wrote it and make the batch anew under the same number")
COPY_AGAIN = said("copy this batch from the sender's outbox into the inbox again, under the same name")


class BadBatch(QianbeiError):
    """A batch that must not be taken. No text of it holds a value of a record."""

    def __init__(self, code: Code, where: str, what: str, how: str = COPY_AGAIN) -> None:
        super().__init__(said("{where}: {what} ({code}); {how}", where=where, what=what, code=code, how=how))
        self.code: Code = code
        self.where = where
        self.what = what
        self.how = how


class Incomplete(QianbeiError):
    """A batch that is still being copied, or whose copy was broken off before its manifest: it waits."""
