"""The words of the account: what was decided where, what must have come of it, and what the exchange asks of itself."""

from datetime import UTC, datetime
from typing import NamedTuple

ACCEPTED, REFUSED, DUPLICATE, QUARANTINED = "ACCEPTED", "REFUSED", "DUPLICATE", "QUARANTINED"

Key = tuple[str, str]
"""Subject and entity id."""

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Seen(NamedTuple):
    """A fact of another slot that a decision looked at. Revision None: there was none, and ``subject`` is its kind."""

    subject: str
    entity_id: str
    revision: int | None


class Internal(NamedTuple):
    """What the exchange asked of itself, by the envelope of the record that it wrote for that."""

    subject: str
    event_type: str
    entity_id: str
    event_id: str


class Decided(NamedTuple):
    """One intake record in the recorded order: where it was decided, and where and what it is (SHA-256, hex).

    ``recorded_at`` is the decision's own time, by which terms end. ``internal`` is given for records that the exchange
    wrote itself, which are in no ledger.
    """

    slot: int
    slot_seq: int
    topic: str
    partition: int
    offset: int
    sha256: str
    recorded_at: datetime = EPOCH
    seen: tuple[Seen, ...] = ()
    internal: Internal | None = None


class Revision(NamedTuple):
    """A record that must appear on ``exchange.<subject>``."""

    subject: str
    entity_id: str
    revision: int
    event_type: str
    event_id: str
    status: str
    interested: tuple[str, ...]
    interested_before: tuple[str, ...]


class Asked(NamedTuple):
    """What must be done in another slot because of a decision.

    ``house`` is where; ``about`` what the doing needs: the sides of a conflict, the feedback to be noted.
    """

    word: Internal
    house: str | None = None
    about: tuple[Key, ...] = ()


class Expected(NamedTuple):
    """What must have been decided on one record. ``revisions``: its own first, if accepted, then those it brings about.

    ``fired``: what was due on its house before it, whatever became of the record, and whom its refusal is told. ``unseen``: what it says it saw of other
    slots though it was not so.
    """

    place: Decided
    outcome: str
    codes: frozenset[str] = frozenset()
    revisions: tuple[Revision, ...] = ()
    fired: tuple[Revision, ...] = ()
    asked: tuple[Asked, ...] = ()
    unseen: tuple[Seen, ...] = ()

    @property
    def revision(self) -> int | None:
        return self.revisions[0].revision if self.revisions else None

    @property
    def all_revisions(self) -> tuple[Revision, ...]:
        return (*self.fired, *self.revisions)
