"""A small true story to send: one house, its sale signed and filed. Every call makes another house."""

import itertools
import json
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from broker.kafka import Connection, IdempotentProducer, Outgoing
from broker.registry import Registry
from broker.released import encode_newest, intake_subject
from broker.slots import slot_key, slot_of
from broker.topics import intake_topic
from qianbei.site import Site
from schemas.catalogue import load_catalogue
from schemas.files import latest_version, load_schema
from schemas.identifiers.house_code import check_digit
from schemas.jsonform import from_json

EXAMPLES = Path(__file__).parents[2] / "schemas" / "examples"
_numbers = itertools.count(1)


def example(subject: str, name: str) -> dict[str, Any]:
    """A golden example as a record."""
    text = (EXAMPLES / subject / "v1" / f"{name}.json").read_text(encoding="utf-8")
    record: dict[str, Any] = from_json(load_schema(subject, latest_version(subject)), json.loads(text))
    return record


def new_house_code() -> str:
    """A valid house code that no other call of this process returns."""
    n = next(_numbers)
    body = f"411402009202006{n // 9999 + 700000:06d}{n % 9999 + 1:04d}"
    return body + str(check_digit(body))


@dataclass(frozen=True)
class Event:
    """One event, ready to be sent by its principal."""

    principal: str
    subject: str
    record: dict[str, Any]


def event(principal: str, subject: str, base: dict[str, Any], **changes: Any) -> Event:
    """An event of that shape under a new event id."""
    return Event(principal, subject, base | {"event_id": str(uuid.uuid4()), "source": principal} | changes)


def sold_house(*, lender_uscc: str | None = None) -> list[Event]:
    """A unit registered, then its sale signed and filed: three events that are all accepted."""
    house = new_house_code()
    contract = f"HT-{house}"
    unit = event(
        "bureau", "unit", example("unit", "registered"), entity_id=house, house_code=house, version=1
    )
    # A finished unit (现售): an unfinished one would need its project's presale permit first.
    sale = example("sale", "presale") | {
        "contract_kind": "12",
        "presale_permit_no": None,
        "entity_id": contract,
        "contract_no": contract,
        "house_code": house,
        "lender_uscc": lender_uscc,
    }
    unsigned = {"event_type": "SIGNED", "contract_status": "SIGNED", "filing_no": None, "filed_at": None}
    return [
        unit,
        event("bureau", "sale", sale, version=1, **unsigned),
        event("bureau", "sale", sale, version=2),
    ]


@dataclass(frozen=True)
class Sender:
    """Sends events as their principals, to the right slots."""

    site: Site
    producers: dict[str, IdempotentProducer]
    encoders: dict[str, Any]

    def send(self, *events: Event) -> None:
        """Send in order and wait for every acknowledgement."""
        receipts = [self.producers[e.principal].send(self.message(e)) for e in events]
        for receipt in receipts:
            receipt()

    def message(self, sent: Event) -> Outgoing:
        key = slot_key(load_catalogue(), sent.subject, sent.record)
        slot = slot_of(key, self.site.admin.slots)
        return Outgoing(
            intake_topic(sent.principal), slot, key.encode(), self.encoders[sent.subject](sent.record)
        )


@contextmanager
def sender(site: Site, *principals: str) -> Iterator[Sender]:
    """A sender for these principals."""
    subjects = load_catalogue().subjects
    with Registry(site.admin.registry_url) as registry:
        encoders = {subject: encode_newest(registry, intake_subject(subject)) for subject in subjects}
    producers = {p: IdempotentProducer(Connection.of(site.settings(p))) for p in principals}
    with ExitStack() as opened:
        for producer in producers.values():
            opened.enter_context(producer)
        yield Sender(site, producers, encoders)
