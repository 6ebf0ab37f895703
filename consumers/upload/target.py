"""From the department's topics into the ledger: each filing once, positions and filings in one transaction."""

from collections.abc import Iterable

from broker.kafka import TopicPartition
from consumers.feed import Positions
from consumers.letters import Letter
from consumers.records import DepartmentRecord
from consumers.upload.filing import Filing, Key
from consumers.upload.items import SUBJECTS, items_of, missing_items
from consumers.upload.ledger import Ledger
from schemas.codelists import code_list
from schemas.dates import day_in_china
from schemas.said import said


class NotAFiling(ValueError):
    """A record that cannot be uploaded at all; it is held as a dead letter. Names no value."""


class LedgerTarget:
    """Letters need no memory here: a filing is known by its key, so one that comes again changes nothing."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self.claimed = False

    def claim(self, partitions: Iterable[TopicPartition]) -> Positions:
        """How far the ledger is; it is locked, so nobody else moves it."""
        owned = list(partitions)
        self.claimed = bool(owned)
        return self._ledger.positions(owned)

    def take(self, record: DepartmentRecord, letter: Letter | None) -> None:
        """Take one record. Raises NotAFiling."""
        del letter
        value = record.value
        self._ledger.take(
            filing_from(record),
            value["recorded_at"].timestamp(),
            missing_items(record.subject, value),
        )

    def keep(self, offsets: Positions) -> None:
        """Commit."""
        self._ledger.keep(offsets)


def filing_from(record: DepartmentRecord) -> Filing:
    """A record in the standard's items. Raises NotAFiling for what has no subject, county or time of ours."""
    value = record.value
    if record.left or record.subject not in SUBJECTS:
        raise NotAFiling(said("no project, unit or contract of the monitoring department"))
    if value.get("recorded_at") is None or value.get("county_code") not in code_list("county"):
        raise NotAFiling(said("recorded_at is empty, or county_code is no county"))
    return Filing(
        key=Key(record.subject, record.entity_id, record.revision),
        event_type=record.event_type,
        day=day_in_china(value["recorded_at"]).isoformat(),
        county=value["county_code"],
        items=items_of(record.subject, value),
    )
