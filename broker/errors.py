"""The exception tree of the broker. An error's class is its policy.

::

    QianbeiError
    ├── ConfigError           a setting, a file or an argument is wrong: stop and say how to mend it
    ├── AccessDenied          the server refused our identity or our right: stop
    ├── Unavailable           a server does not answer: drop the session, wait, begin again
    │   ├── Indefinite        a write may or may not have happened: as above, and read back before going on
    │   └── Corrupt           a record on the broker's disk cannot be read: as above, and have the audit name its place
    ├── OwnershipLost         another instance owns our partitions: drop the session and join again
    ├── StateBehindLog        Postgres is older than what was published: stop, an operator must recover
    ├── StateAheadOfLog       Postgres knows records that the log no longer has: stop, as above
    ├── TooLarge              a record is longer than its topic takes: mend the record
    └── DecodeError           bytes that are no record of ours: quarantine, or stop where only we write
"""

from schemas.said import said


class QianbeiError(Exception):
    """The root of all errors that the exchange raises on purpose."""


class ConfigError(QianbeiError):
    """What is configured cannot work; the message says what, where and how to mend it."""


class AccessDenied(QianbeiError):
    """The server knows us and says no, or does not accept who we say we are."""


class Unavailable(QianbeiError):
    """A server cannot be reached or does not answer in time. Waiting may help."""


class Indefinite(Unavailable):
    """The outcome of a write is unknown. Its client must be thrown away and the truth read back."""


class Corrupt(Unavailable):
    """What lies on the broker's disk does not pass its checksum, or is no batch of records."""


class OwnershipLost(QianbeiError):
    """Another instance owns the partitions. Nothing of the current batch may be written."""


class StateBehindLog(QianbeiError):
    """Postgres holds fewer decisions than were published, as after restoring an old backup."""


class StateAheadOfLog(QianbeiError):
    """Postgres has read further than the topic reaches, as after losing or re-creating a topic."""


class TooLarge(QianbeiError):
    """A record that the topic does not take. Sending it again cannot help."""


class DecodeError(QianbeiError):
    """Bytes that are not a record of ours.

    ``code`` is a quarantine reason (see ``broker.admission.reasons``); ``detail`` never holds a personal value.
    """

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(said("{code}: {detail}", code=code, detail=detail))
        self.code = code
        self.detail = detail
