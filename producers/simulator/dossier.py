"""An entity in the hands of its source: its state, its version, and the events that it makes."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from producers.simulator.ledger import Facts, Planned, Record, terms_of
from producers.simulator.model_tables import CONTRACTS, HOUSE_KEYED, LIFECYCLES, NONE
from producers.simulator.wire import Form, State

BEGIN = datetime(2021, 1, 4, 1, 0, tzinfo=UTC)
"""When the simulated year begins unless told otherwise: 09:00 in Shangqiu, the first working day of 2021."""


class Clock:
    """The only clock of the simulation, in days since it began. The driver of the stream sets it."""

    def __init__(self, begin: datetime = BEGIN) -> None:
        self.days = 0.0
        self._begin = begin

    def now(self) -> datetime:
        """The simulated instant, to the second."""
        return self._begin + timedelta(seconds=int(self.days * 86_400))


def new_uuid(rng: Random) -> str:
    """A random UUID (version 4) in its usual form."""
    text = f"{rng.getrandbits(128):032x}"
    return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-a{text[17:20]}-{text[20:]}"


class Dossier:
    """One entity: makes its events in order, each with the whole state, the next version and a new event id.

    ``status`` is what its source believes, that is as if all its clean events were accepted.
    """

    __slots__ = (
        "_clock",
        "_rng",
        "entity_id",
        "key",
        "principal",
        "state",
        "status",
        "subject",
        "topic",
        "version",
    )

    def __init__(
        self, rng: Random, clock: Clock, form: Form, principal: str, subject: str, record: Record
    ) -> None:
        self._rng = rng
        self._clock = clock
        self.principal = principal
        self.topic = f"intake.{principal}"
        self.subject = subject
        self.entity_id: str = record["entity_id"]
        self.key = key_of(subject, record)
        self.version = 0
        self.status = NONE
        self.state = State(form, record | {"source": principal})

    def event(self, event_type: str, changes: Mapping[str, Any]) -> Planned:
        """The next event, which stays: the state is changed by it."""
        self.version += 1
        status = LIFECYCLES[self.subject][event_type][1]
        self.state.change({**self._envelope(event_type, self.version, status), **changes})
        self.status = status
        record = self.state.record
        return self._planned(record, self.state.body, None)

    def stray(
        self, dirt: str, event_type: str, changes: Mapping[str, Any], version: int | None = None
    ) -> Planned:
        """An event that is wrong and leaves no trace in the state. Without ``version`` it takes the next one."""
        if version is None:
            self.version += 1
            version = self.version
        status = LIFECYCLES[self.subject][event_type][1]
        record, body = self.state.variant({**self._envelope(event_type, version, status), **changes})
        return self._planned(record, body, dirt)

    def foreign(self, dirt: str, principal: str, event_type: str, changes: Mapping[str, Any]) -> Planned:
        """The next event of this entity, but sent by another principal on its own topic."""
        planned = self.stray(dirt, event_type, {**changes, "source": principal}, self.version + 1)
        facts = planned.facts._replace(principal=principal) if planned.facts else None
        return planned._replace(principal=principal, topic=f"intake.{principal}", facts=facts)

    def _envelope(self, event_type: str, version: int, status: str) -> Record:
        envelope = {
            "event_id": new_uuid(self._rng),
            "event_type": event_type,
            "version": version,
            "occurred_at": self._clock.now(),
        }
        return envelope | {"contract_status": status} if self.subject in CONTRACTS else envelope

    def _planned(self, record: Record, body: bytes, dirt: str | None) -> Planned:
        facts = facts_of(self.principal, self.subject, record)
        return Planned(
            self.principal,
            self.topic,
            key_of(self.subject, record),
            self.subject,
            self.subject,
            body,
            record,
            facts,
            dirt,
        )


def key_of(subject: str, record: Record) -> bytes:
    """The Kafka key of a record: its house, for what concerns a house, else its own id."""
    house = record.get("house_code") if subject in HOUSE_KEYED else None
    return (house or record["entity_id"]).encode()  # type: ignore[no-any-return]


def facts_of(principal: str, subject: str, record: Record) -> Facts:
    """What the model needs of a record."""
    get = record.get
    return Facts(
        principal,
        subject,
        record["event_id"],
        record["event_type"],
        record["entity_id"],
        record["version"],
        record["source"],
        get("house_code"),
        get("contract_status"),
        get("filing_no"),
        get("lender_uscc"),
        get("mortgagee_uscc"),
        get("sale_contract_no"),
        bool(get("baseline")),
        terms_of(subject, record),
    )
