"""A story in which the law has work: a sold house is seized, its buyer is listed, both end again. All of today.

Sources write to topics of their own, between which there is no order; so each step waits until the one before it has
been decided.
"""

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

from broker.registry import Registry
from broker.replay.decoding import AnyDecoder
from schemas.identifiers.citizen_id import check_digit
from tests.support.exchange import Exchange, until
from tests.support.story import Event, Sender, event, example, new_house_code, sender

_numbers = itertools.count(1)
Json = dict[str, Any]


def new_citizen_id() -> str:
    """A valid id of an unassigned county that no other call of this process returns."""
    n = next(_numbers)
    body = f"411499{date(1960, 1, 1) + timedelta(days=n // 500):%Y%m%d}{n % 500 + 100:03d}"
    return body + check_digit(body)


def now() -> datetime:
    return datetime.now(UTC)


@dataclass
class Case:
    """A house with a contract, a seizure and a listing of its buyer."""

    exchange: Exchange
    senders: Sender
    house: str = field(default_factory=new_house_code)
    buyer: str = field(default_factory=new_citizen_id)
    begun: datetime = field(default_factory=now)

    @property
    def contract(self) -> str:
        return f"HT-{self.house}"

    @property
    def seizure_id(self) -> str:
        return f"CF-{self.house}"

    @property
    def listing_id(self) -> str:
        return f"SX-{self.house}"

    # -- what is sent ------------------------------------------------------------------------------------------------

    def unit(self, **changes: Any) -> Event:
        body = example("unit", "registered") | {"restrictions": []}
        named = {"entity_id": self.house, "house_code": self.house, "version": 1, "realty_unit_no": None}
        return event("bureau", "unit", body, **named | changes)

    def sale(self, status: str = "SIGNED", version: int = 1, **changes: Any) -> Event:
        """A sale of an existing home to one buyer."""
        body = example("sale", "existing-home")
        seller, first, *_ = body["parties"]
        buyer = first | {
            "id_no": first["id_no"] | {"ciphertext": self.buyer.encode()},
            "co_ownership_code": "0",
            "share": None,
            "share_text": None,
        }
        unfiled = {"filing_no": None, "filed_at": None} if status == "SIGNED" else {}
        named = {"entity_id": self.contract, "contract_no": self.contract, "house_code": self.house}
        state = {"event_type": status, "contract_status": status, "version": version, "realty_unit_no": None}
        exchange_owned = {"revision": None, "recorded_at": None, "decision_id": None, "interested": None}
        parties = {"parties": [one | {"party_ref": None} for one in (seller, buyer)]}
        cleared = exchange_owned | {"interested_before": None} | parties | unfiled
        return event("bureau", "sale", body, **cleared | named | state | changes)

    def seizure(self, event_type: str = "SEIZED", version: int = 1, **changes: Any) -> Event:
        """A seizure for three years from now on."""
        body = example("seizure", "seized") | {"realty_unit_no": None, "house_code": self.house}
        today = (now() + timedelta(hours=8)).date()
        named = {"entity_id": self.seizure_id, "seizure_id": self.seizure_id, "version": version}
        term = {"served_at": self.begun, "start_date": today, "end_date": today + timedelta(days=1_000)}
        return event("court", "seizure", body, **named | term | {"event_type": event_type} | changes)

    def listing(self, event_type: str = "LISTED", version: int = 1, **changes: Any) -> Event:
        """A listing of the buyer, without an end."""
        body = example("defaulter", "listed")
        (party,) = body["parties"]
        mine = party | {"id_no": party["id_no"] | {"ciphertext": self.buyer.encode()}, "party_ref": None}
        named = {"entity_id": self.listing_id, "version": version, "event_type": event_type}
        today = (now() + timedelta(hours=8)).date()
        term = {"published_on": today, "expires_on": None, "parties": [mine]}
        return event("court", "defaulter", body, **named | term | changes)

    # -- sending -----------------------------------------------------------------------------------------------------

    def decided(self, *events: Event) -> list[Json]:
        """Send events and wait for the decisions on them."""
        self.senders.send(*events)
        found: list[Json] = []

        def all_there() -> bool:
            wanted = {one.record["event_id"] for one in events}
            topics = sorted({f"decision.{one.principal}" for one in events})
            found[:] = [one for one in self.read(*topics) if one["event_id"] in wanted]
            return len(found) >= len(events)

        until("the decisions", all_there)
        return found

    def accepted(self, *events: Event) -> None:
        """Send events that must be accepted."""
        for one in self.decided(*events):
            assert one["outcome"] == "ACCEPTED", one["reasons"]

    def refused(self, *events: Event) -> set[str]:
        """Send events that must be refused; gives the codes of their reasons."""
        decisions = self.decided(*events)
        assert {one["outcome"] for one in decisions} == {"REFUSED"}, decisions
        return {reason["code"] for one in decisions for reason in one["reasons"]}

    def conflicts(self) -> dict[str, str]:
        """The newest status of each conflict on the house, by kind."""
        found = [one for one in self.read("exchange.conflict") if one["house_code"] == self.house]
        return {one["kind"]: one["status"] for one in sorted(found, key=lambda one: one["revision"])}

    def read(self, *topics: str) -> list[Json]:
        """All records of topics, in their JSON form."""
        with Registry(self.exchange.site.admin.registry_url) as registry:
            decoder = AnyDecoder(registry)
            return [decoder.decode(one.value) for one in self.exchange.read(list(topics))]


@contextmanager
def case(exchange: Exchange) -> Iterator[Case]:
    """A case of its own on an exchange."""
    with sender(exchange.site, "bureau", "court") as senders:
        yield Case(exchange, senders)


def whole_story(told: Case) -> None:
    """Sold, seized, sold again in vain, listed, bought elsewhere in vain; then all ends."""
    told.accepted(told.unit(), told.sale(), told.sale("FILED", 2))
    told.accepted(told.seizure())
    assert told.conflicts() == {"SEIZED_UNIT_SOLD": "OPEN"}
    again: Json = {"entity_id": f"{told.contract}-2", "contract_no": f"{told.contract}-2"}
    assert told.refused(told.sale(**again)) == {"UNIT_ALREADY_SOLD", "UNIT_SEIZED"}
    told.accepted(told.listing())
    until("the conflict", lambda: told.conflicts().get("LISTED_BUYER") == "OPEN")
    elsewhere = Case(told.exchange, told.senders, buyer=told.buyer)
    elsewhere.accepted(elsewhere.unit())
    assert elsewhere.refused(elsewhere.sale()) == {"LISTED_BUYER"}
    released = {
        "released_at": now(),
        "release_org": "商丘市梁园区人民法院",
        "release_ruling_no": "（2020）豫1402执123号之二",
    }
    told.accepted(told.seizure("RELEASED", 2, **released))
    told.accepted(told.listing("REMOVED", 2, removed_at=now(), removal_reason="履行完毕"))
    ended = {"SEIZED_UNIT_SOLD": "RESOLVED", "LISTED_BUYER": "RESOLVED"}
    until("the conflict's end", lambda: told.conflicts() == ended)
