"""Two sources at the same moment, two instances: a filing and what forbids it never miss each other.

Of a listing and a filing of the same buyer, and of a seizure and a filing of the same unit, one is decided first. If it
is what forbids, the filing is refused; if it is the filing, there is a conflict. ``make long`` runs 1,000 of each.
"""

import os
import random
import threading
import time
import uuid
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from broker.registry import Registry
from broker.released import decoder, topic_subject
from schemas.identifiers import citizen_id
from tests.support.exchange import Exchange, until
from tests.support.story import Event, Sender, event, example, sender, sold_house

RACES = int(os.environ.get("QIANBEI_RACES", "100"))
HEAD_START_S = 0.03
"""The most that one of two sources is ahead of the other."""

NOW = datetime.now(UTC)


def buyer_number(n: int) -> str:
    """A citizen's number that is nobody's: county 411499 was never assigned."""
    body = f"411499{1950 + n // 9999 % 50}0101{n % 999 + 1:03d}"
    return body + citizen_id.check_digit(body)


def bought_by(sale: dict[str, Any], number: str) -> dict[str, Any]:
    """The sale with this one buyer."""
    seller, buyer, *_ = sale["parties"]
    number_field = {"key_id": "clear", "nonce": b"", "ciphertext": number.encode()}
    return sale | {"parties": [seller, buyer | {"id_no": number_field, "share": None}]}


def listing_of(number: str) -> Event:
    base = example("defaulter", "listed")
    party = base["parties"][0] | {"id_no": {"key_id": "clear", "nonce": b"", "ciphertext": number.encode()}}
    return event(
        "court",
        "defaulter",
        base,
        entity_id=f"SX-{uuid.uuid4()}",
        version=1,
        parties=[party],
        expires_on=None,
    )


def seizure_of(house_code: str) -> Event:
    base = example("seizure", "seized")
    entity = f"CF-{uuid.uuid4()}"
    return event(
        "court",
        "seizure",
        base,
        entity_id=entity,
        seizure_id=entity,
        version=1,
        kind="1",
        house_code=house_code,
        contract_no=None,
        realty_unit_no=None,
        served_at=NOW,
        start_date=None,
        end_date=None,
    )


def sent_together(door: Sender, pairs: Sequence[tuple[Event, Event]], rng: random.Random) -> None:
    """Send both events of each pair from threads of their own, at the same moment but for a random head start."""
    gate = threading.Barrier(2)
    starts = [(rng.uniform(0, HEAD_START_S), rng.random() < 0.5) for _ in pairs]

    def source(side: int) -> None:
        for pair, (ahead, first) in zip(pairs, starts, strict=True):
            gate.wait(30)
            if first is bool(side):
                time.sleep(ahead)
            message = door.message(pair[side])
            door.producers[pair[side].principal].send(message)
        for principal in {pair[side].principal for pair in pairs}:
            door.producers[principal].flush()

    threads = [threading.Thread(target=source, args=(side,)) for side in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def decoded(exchange: Exchange, topic: str, record: str) -> list[dict[str, Any]]:
    with Registry(exchange.site.admin.registry_url) as registry:
        known = decoder(registry, [topic_subject(topic, record)])
    return [known.decode(item.value)[1] for item in exchange.read([topic])]


def decisions(exchange: Exchange, principal: str, wanted: set[str]) -> dict[str, dict[str, Any]]:
    """The decisions on these events, by event id, once all are there."""
    found: dict[str, dict[str, Any]] = {}

    def all_there() -> bool:
        found.update({d["event_id"]: d for d in decoded(exchange, f"decision.{principal}", "decision")})
        return wanted <= found.keys()

    until(f"decisions of {principal}", all_there, 120)
    return found


def clashes(exchange: Exchange) -> set[frozenset[str]]:
    """The sides of every conflict that was raised."""
    return {
        frozenset(side["entity_id"] for side in conflict["sides"])
        for conflict in decoded(exchange, "exchange.conflict", "conflict")
    }


@pytest.mark.parametrize("kind", ["listing", "seizure"])
def test_a_filing_and_what_forbids_it_at_the_same_moment(deployed: Exchange, kind: str) -> None:
    deployed.ensure_services(2)
    seed = int(os.environ.get("QIANBEI_FAULT_SEED") or random.SystemRandom().randrange(2**32))
    print(f"races of {kind}: QIANBEI_FAULT_SEED={seed}")
    rng = random.Random(seed)
    first = rng.randrange(400_000)
    pairs = []
    with sender(deployed.site, "bureau", "court") as door:
        units = []
        for n in range(RACES):
            unit, signed, _ = sold_house()
            number = buyer_number(first + n)
            signed = event("bureau", "sale", bought_by(signed.record, number))
            against = listing_of(number) if kind == "listing" else seizure_of(signed.record["house_code"])
            units.append(unit)
            pairs.append((signed, against))
        door.send(*units)
        sent_together(door, pairs, rng)

    filings = decisions(deployed, "bureau", {sale.record["event_id"] for sale, _ in pairs})
    forbidden = decisions(deployed, "court", {against.record["event_id"] for _, against in pairs})
    late = [
        (sale, against)
        for sale, against in pairs
        if filings[sale.record["event_id"]]["outcome"] == "ACCEPTED"
    ]
    until("conflicts", lambda: _sides(late) <= clashes(deployed), 60)

    outcomes = Counter(filings[sale.record["event_id"]]["outcome"] for sale, _ in pairs)
    print(f"races of {kind}: {dict(outcomes)}")
    code = "LISTED_BUYER" if kind == "listing" else "UNIT_SEIZED"
    for sale, against in pairs:
        filing, other = filings[sale.record["event_id"]], forbidden[against.record["event_id"]]
        assert other["outcome"] == "ACCEPTED", other["reasons"]
        saw = {(e["subject"], e["entity_id"]) for e in filing["seen"]}
        if filing["outcome"] == "REFUSED":
            assert [reason["code"] for reason in filing["reasons"]] == [code]
        elif kind == "listing":
            assert ("defaulter", against.record["entity_id"]) not in saw
        else:
            assert filing["slot_seq"] < other["slot_seq"]


def _sides(late: Sequence[tuple[Event, Event]]) -> set[frozenset[str]]:
    return {frozenset((sale.record["entity_id"], against.record["entity_id"])) for sale, against in late}
