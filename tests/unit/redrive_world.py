"""Quarantine records for the tests of the redrive tool: units of the bureau, as they were quarantined minute by minute."""

import hashlib
import uuid
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from broker.admission.batch import Decider
from broker.admission.model import Place
from broker.admission.redriven import redriven_of
from qianbei.inspect.quarantine import Quarantined
from qianbei.redrive.cases import Attempt, Case, cases_of
from qianbei.redrive.planning import Act, Plan, Planner
from schemas.catalogue import load_catalogue
from tests.support import in_memory
from tests.support.story import example

CATALOGUE = load_catalogue()
NOON = datetime(2021, 3, 1, 12, tzinfo=UTC)
ACT = Act("wang", "wrong partitioner", NOON)
HOUSE = example("unit", "registered")["house_code"]


@cache
def decider() -> Decider:
    return in_memory._decider(4)


def planner() -> Planner:
    return Planner(in_memory._decoder(), decider().law, 4)


def unit(**changes: Any) -> bytes:
    own = {"event_id": str(uuid.uuid4()), "source": "bureau", "version": 1}
    return decider().encoders.intake["unit"](example("unit", "registered") | own | changes)


def kept(offset: int, value: bytes | None, minutes: int = 0, **changes: Any) -> Quarantined:
    one = Quarantined(
        place=f"intake.bureau/1/{offset}",
        kept_at=f"quarantine.bureau/1/{offset}",
        principal="bureau",
        recorded_at=(NOON + timedelta(minutes=minutes)).isoformat().replace("+00:00", "Z"),
        reason="MISROUTED",
        detail="",
        sha256=hashlib.sha256(value or b"").hexdigest(),
        key=b"wrong",
        value=value,
        headers=(("trace", b"7"), ("qb_redrive_origin", b"intake.court/0/0")),
    )
    return replace(one, **changes)


def cases(*records: Quarantined, attempts: tuple[Attempt, ...] = (), settled: Any = None) -> list[Case]:
    return cases_of(records, attempts, settled or {}, CATALOGUE)


def planned(one: Quarantined, edit: bytes | None = None) -> Plan:
    (case,) = cases(one)
    return planner().plan(case, one, ACT, edit)


def sent_again(plan: Plan, offset: int) -> Attempt:
    found = redriven_of(
        plan.message.headers, hashlib.sha256(plan.message.value or b"").hexdigest(), CATALOGUE
    )
    return Attempt(Place("intake.redrive", plan.message.partition, offset), found)
