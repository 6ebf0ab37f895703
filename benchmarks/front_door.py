"""The front door under load: ``python -m benchmarks.front_door``.

Sends filings over HTTP at a steady rate, each at its own moment whether or not the one before is answered, and measures
from the request to the decision. Then measures how soon a listing or a seizure is felt: from Kafka's acknowledgement of
it to the first filing that is refused because of it. Ends with one JSON line; times in milliseconds.
"""

import argparse
import asyncio
import json
import sys
import time
import uuid
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console

import schemas
from benchmarks.wire import Wire
from broker.api.tokens import issue, scopes_of
from broker.store.connect import connected
from producers.publisher import Publisher
from qianbei.demo.readout import Readout, percentile, wait_until_done
from qianbei.demo.run import throw_away_exchange
from qianbei.site import Site
from schemas.catalogue import load_catalogue
from schemas.identifiers import citizen_id, house_code

RATE = 200.0
SECONDS = 60
BLOCKS = 100
EXAMPLES = Path(schemas.__file__).with_name("examples")

Form = dict[str, Any]


def example(path: str) -> Form:
    """A golden example in JSON form."""
    found: Form = json.loads((EXAMPLES / f"{path}.json").read_text(encoding="utf-8"))
    return found


def house(number: int) -> str:
    """The code of the n-th house."""
    body = f"411402009202006{number // 9999 + 600000:06d}{number % 9999 + 1:04d}"
    return body + str(house_code.check_digit(body))


def citizen(number: int) -> str:
    """A citizen's number that is nobody's: county 411499 was never assigned."""
    body = f"411499{1950 + number // 900 % 50}{number // 45000 % 12 + 1:02d}01{number % 900 + 1:03d}"
    return body + citizen_id.check_digit(body)


def event(form: Form, **changes: Any) -> Form:
    """The form under a new event id."""
    return form | {"event_id": str(uuid.uuid4())} | changes


def unit(number: int) -> Form:
    """The registration of a house."""
    code = house(number)
    return event(example("unit/v1/registered"), entity_id=code, house_code=code, version=1)


def signed(number: int, buyer: str | None = None) -> Form:
    """A finished unit (现售) is signed for."""
    base = example("sale/v1/presale")
    del base["presale_permit_no"], base["filing_no"], base["filed_at"]
    seller, first, *_ = base["parties"]
    contract = f"HT-{uuid.uuid4()}"
    return event(
        base,
        event_type="SIGNED",
        contract_status="SIGNED",
        version=1,
        entity_id=contract,
        contract_no=contract,
        contract_kind="12",
        house_code=house(number),
        parties=[seller, first | {"id_no": buyer or citizen(number)}],
    )


@dataclass(frozen=True)
class Door:
    """A client of the front door with a token."""

    wire: Wire

    async def file(self, filing: bytes) -> tuple[float, int, str]:
        """Milliseconds from the request to its answer, the answer's status, and its text."""
        begun = time.perf_counter()
        status, answer = await self.wire.post("/v1/filings/sale", filing)
        return (time.perf_counter() - begun) * 1000, status, answer.decode()


def opened(site: Site, url: str) -> Door:
    """A door with a new token of the bureau."""
    scopes = scopes_of(load_catalogue(), "bureau", ())
    with connected(site.admin.dsn(), "qianbei benchmark") as db:
        _, presented = issue(db, "bureau", scopes, 1, "benchmark")
    return Door(Wire(url, presented))


def encoded(form: Form) -> bytes:
    """A filing as it is sent."""
    return json.dumps(form, ensure_ascii=False).encode()


async def steady(door: Door, filings: Sequence[bytes], rate: float) -> tuple[list[int], Counter[str]]:
    """File at a steady rate (a second). Returns the milliseconds of each and how often each status was answered."""
    times: list[int] = []
    statuses: Counter[str] = Counter()

    async def one(filing: bytes) -> None:
        try:
            took, status, _ = await door.file(filing)
        except (OSError, EOFError) as error:  # the connection, not the program: it is counted as lost
            statuses[f"lost: {type(error).__name__}"] += 1
            return
        times.append(round(took))
        statuses[str(status)] += 1

    begun = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for number, filing in enumerate(filings):
            await asyncio.sleep(max(0.0, begun + number / rate - time.perf_counter()))
            group.create_task(one(filing))
    return times, statuses


async def felt(door: Door, court: Publisher, first: int, kind: str) -> list[int]:
    """Milliseconds from the acknowledgement of each listing or seizure to the first refusal by it."""
    times = []
    code = "LISTED_BUYER" if kind == "listing" else "UNIT_SEIZED"
    for number in range(first, first + BLOCKS):
        subject, form = ("defaulter", listing(number)) if kind == "listing" else ("seizure", seizure(number))
        await asyncio.to_thread(court.send, court.prepare(subject, form))
        begun = time.perf_counter()
        while True:
            *_, answer = await door.file(encoded(signed(number)))
            # A filing that came before it is accepted, and the next is refused for that too: only this code counts.
            if code in answer:
                break
        times.append(round((time.perf_counter() - begun) * 1000))
    return times


def listing(number: int) -> Form:
    """The buyer of the n-th house is listed."""
    base = example("defaulter/v1/listed")
    party = base["parties"][0] | {"id_no": citizen(number)}
    del base["expires_on"]
    return event(base, entity_id=f"SX-{uuid.uuid4()}", version=1, parties=[party])


def seizure(number: int) -> Form:
    """The n-th house is seized."""
    entity = f"CF-{uuid.uuid4()}"
    base = example("seizure/v1/seized") | {"entity_id": entity, "seizure_id": entity, "kind": "1"}
    for name in ("contract_no", "realty_unit_no", "start_date", "end_date"):
        base.pop(name, None)
    served = datetime.now(UTC).isoformat()
    return event(base, version=1, house_code=house(number), served_at=served)


def summary(times: list[int]) -> Mapping[str, int]:
    """Percentiles in milliseconds."""
    return {
        "p50": percentile(times, 0.5),
        "p99": percentile(times, 0.99),
        "max": max(times),
        "count": len(times),
    }


async def measure(site: Site, url: str, rate: float, seconds: int, console: Console) -> dict[str, Any]:
    """The three measurements on a running exchange."""
    count = int(rate * seconds)
    with Publisher(site.settings("bureau"), "bureau") as bureau:
        console.print(f"registering {count + 2 * BLOCKS:,} units")
        for begin in range(0, count + 2 * BLOCKS, 500):
            some = range(begin, min(begin + 500, count + 2 * BLOCKS))
            sent = bureau.send_all(bureau.prepare("unit", unit(n)) for n in some)
        bureau.decisions(sent, timeout_s=120)
    with Readout(site) as readout:
        console.print("until routing and compaction have them too")
        if not wait_until_done(readout.progress, lambda _: None):
            raise SystemExit("routing and compaction make no progress")
    door = opened(site, url)
    async with aclosing(door.wire):
        # Made beforehand: what making them costs is not the front door's.
        filings = [encoded(signed(number)) for number in range(count)]
        console.print(f"{count:,} filings at {rate:.0f} a second")
        times, statuses = await steady(door, filings, rate)
        with Publisher(site.settings("court"), "court") as court:
            console.print("listings and seizures")
            listed = await felt(door, court, count, "listing")
            seized = await felt(door, court, count + BLOCKS, "seizure")
    return {
        "submissions": summary(times),
        "statuses": dict(sorted(statuses.items())),
        "lost": count - len(times),
        "listing_felt_ms": summary(listed),
        "seizure_felt_ms": summary(seized),
    }


def main() -> None:
    """Run on a throw-away exchange and print the result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=SECONDS)
    parser.add_argument("--rate", type=float, default=RATE, help="filings a second")
    options = parser.parse_args()
    console = Console(file=sys.stderr)
    with throw_away_exchange(console.print) as site:
        url = site.front_doors()[0]
        print(json.dumps(asyncio.run(measure(site, url, options.rate, options.seconds, console))))


if __name__ == "__main__":
    main()
