"""Each question of the query API under load, on a synthetic city: ``python -m benchmarks.queries``.

Loads a city's contracts, titles, units and households into ``latest`` by the compaction engine, starts the front door as a
service, and asks each question at a steady rate. Every call has its moment, whether or not those before it are answered, and
its time is counted from that moment: a pause of the server is felt by all calls that fall into it. The client is one process
on the same machine; what it and the servers take of the processor for a call is told beside the times.

``--contracts 1000000 --keep DIR`` loads a whole city once and keeps it; without ``--keep`` a small one is made and thrown away.
"""

import argparse
import asyncio
import json
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import aclosing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil
from rich.console import Console
from rich.table import Table

from benchmarks.asking import QUESTIONS, Question, Questioner
from benchmarks.city import City
from benchmarks.city_load import loaded_city
from benchmarks.wire import Wire
from broker.api.tokens import issue, scopes_of
from broker.query.definition import Offer
from broker.query.registry import installed_offers
from broker.store.connect import connected
from qianbei.demo.readout import percentile
from qianbei.demo.run import exchange_in
from qianbei.services import SERVICES, child
from qianbei.site import Site
from qianbei.stack import Lifetime, Supervisor
from qianbei.stack.home import Home
from schemas.catalogue import load_catalogue

CONTRACTS, RATE, SECONDS, WARM_UP_S, SEED = 20_000, 100.0, 5, 2, 2021
RESULTS = Path(__file__).with_name("results") / "queries.jsonl"
_OFFICER = {"id": "410001", "name": "经办甲"}
_NUMBERS = {"case_no": "（2020）豫1402执1号", "business_no": "YW-2020-1"}


@dataclass(frozen=True, slots=True)
class Answered:
    """One call: milliseconds from its moment to its answer, the status, and whether the answer says something."""

    ms: float
    status: str
    tells: bool


@dataclass(frozen=True, slots=True)
class Measured:
    """One question under load. Processor times are milliseconds a call."""

    query: str
    calls: int
    p50_ms: float
    p99_ms: float
    max_ms: float
    telling: float
    statuses: dict[str, int]
    api_cpu_ms: float
    postgres_cpu_ms: float
    client_cpu_ms: float


@dataclass(frozen=True)
class Processes:
    """Whose processor time is looked at."""

    api: psutil.Process
    postgres: psutil.Process
    client: psutil.Process

    def seconds(self) -> tuple[float, float, float]:
        """Used so far: the front door, Postgres with its backends, and this client."""
        backends = [self.postgres, *self.postgres.children()]
        return _used([self.api]), _used(backends), _used([self.client])


def _used(processes: Iterable[psutil.Process]) -> float:
    total = 0.0
    for process in processes:
        try:
            times = process.cpu_times()
        except psutil.NoSuchProcess:  # a worker that has ended meanwhile
            continue
        total += times.user + times.system
    return total


async def ask_all(
    wire: Wire, path: str, bodies: Sequence[bytes], question: Question, rate: float
) -> list[Answered]:
    """Ask these at a steady rate (a second), each at its own moment."""
    found: list[Answered] = []

    async def one(body: bytes, due: float) -> None:
        try:
            status, answer = await wire.post(path, body)
        except (OSError, EOFError) as error:  # the connection, not the program: it is counted
            found.append(Answered((time.perf_counter() - due) * 1000, f"lost: {type(error).__name__}", False))
            return
        took = (time.perf_counter() - due) * 1000
        told = status == 200 and bool(json.loads(answer)["answer"].get(question.tells))
        found.append(Answered(took, str(status), told))

    begun = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for number, body in enumerate(bodies):
            due = begun + number / rate
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            group.create_task(one(body, due))
    return found


@dataclass(frozen=True)
class Load:
    """What is asked of which front door, how fast and for how long."""

    site: Site
    url: str
    city: City
    processes: Processes
    rate: float
    seconds: int
    seed: int

    async def measure(self, offer: Offer) -> Measured:
        """One question: first some calls that are not counted, so that connections are open and statements prepared."""
        question = QUESTIONS[offer.group, offer.query.name]
        wire = Wire(self.url, self._token(offer))
        warm, count = int(WARM_UP_S * self.rate), int(self.seconds * self.rate)
        bodies = list(self._bodies(offer, question, warm + count))
        path = f"/v1/query/{offer.group}/{offer.query.name}"
        async with aclosing(wire):
            await ask_all(wire, path, bodies[:warm], question, self.rate)
            before = self.processes.seconds()
            answers = await ask_all(wire, path, bodies[warm:], question, self.rate)
            used = [b - a for a, b in zip(before, self.processes.seconds(), strict=True)]
        return _summary(offer, answers, used)

    def _token(self, offer: Offer) -> str:
        principal = offer.departments[0]
        scopes = scopes_of(load_catalogue(), principal, ["query"])
        with connected(self.site.admin.dsn(), "qianbei benchmark") as db:
            return issue(db, principal, scopes, 1, "benchmark")[1]

    def _bodies(self, offer: Offer, question: Question, count: int) -> Iterator[bytes]:
        """Made beforehand: what making them costs is not the front door's."""
        ask = Questioner(self.city, self.seed)
        number = offer.query.number
        for _ in range(count):
            frame = {"officer": _OFFICER, "purpose": offer.query.purpose.code, number: _NUMBERS[number]}
            yield json.dumps(frame | {"asked": question.drawn(ask)}, ensure_ascii=False).encode()


def _summary(offer: Offer, answers: Sequence[Answered], used: Sequence[float]) -> Measured:
    times = [answer.ms for answer in answers]
    api, postgres, client = (round(seconds * 1000 / len(answers), 2) for seconds in used)
    return Measured(
        offer.label,
        len(answers),
        round(_percentile(times, 0.5), 1),
        round(_percentile(times, 0.99), 1),
        round(max(times), 1),
        round(sum(answer.tells for answer in answers) / len(answers), 2),
        dict(Counter(answer.status for answer in answers)),
        api,
        postgres,
        client,
    )


def _percentile(times: Sequence[float], part: float) -> float:
    """In milliseconds, to a tenth."""
    return percentile([round(ms * 10) for ms in times], part) / 10


def found_wrong(measured: Iterable[Measured]) -> list[str]:
    """What makes a measurement worthless: calls that were not answered, or answers that say nothing."""
    wrong = []
    for one in measured:
        if set(one.statuses) != {"200"}:
            wrong.append(f"{one.query}: not every call was answered: {one.statuses}")
        if one.telling < 0.5:
            wrong.append(f"{one.query}: only {one.telling:.0%} of the answers say something")
    return wrong


def shown(measured: Iterable[Measured], rate: float) -> Table:
    """One line a question."""
    table = Table(title=f"ms at {rate:g} requests a second; processor time of each in ms a call")
    for heading in ("question", "p50", "p99", "max", "telling", "api", "postgres", "client"):
        table.add_column(heading, justify="left" if heading == "question" else "right", no_wrap=True)
    for one in measured:
        cells = (one.p50_ms, one.p99_ms, one.max_ms, one.telling)
        cpu = (one.api_cpu_ms, one.postgres_cpu_ms, one.client_cpu_ms)
        table.add_row(one.query, *map(str, (*cells, *cpu)))
    return table


@contextmanager
def front_door(site: Site, home: Path) -> Iterator[tuple[str, Processes]]:
    """The front door as a service, alone: nothing is filed meanwhile."""
    supervisor = Supervisor(Home(home).run, Home(home).log, Lifetime.PARENT)
    door = child(site, SERVICES["api"], 0)
    supervisor.start(door)
    try:
        supervisor.wait_ready(door)
        api, postgres = supervisor.process(door.name), supervisor.process("postgres")
        assert api is not None
        assert postgres is not None
        yield site.front_doors()[0], Processes(api, postgres, psutil.Process())
    finally:
        supervisor.stop(door.name)


@contextmanager
def kept_in(folder: Path | None) -> Iterator[Path]:
    """The folder, or one that is thrown away."""
    if folder is None:
        with tempfile.TemporaryDirectory(prefix="qianbei-bench-") as home:
            yield Path(home)
    else:
        folder.mkdir(parents=True, exist_ok=True)
        yield folder.absolute()


def wanted_offers(words: Sequence[str]) -> list[Offer]:
    """The questions that are named, such as ``tax`` or ``tax/sale``; all of them if none is. Raises SystemExit."""
    offered = sorted(installed_offers(), key=lambda offer: offer.label)
    found = [one for one in offered if not words or one.label in words or one.group in words]
    if not found:
        raise SystemExit(f"no such question; there are {', '.join(one.label for one in offered)}")
    return found


def options() -> argparse.Namespace:
    """What was asked for on the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "only", nargs="*", help="a department, or a question such as tax/sale; all if none is named"
    )
    parser.add_argument("--contracts", type=int, default=CONTRACTS)
    parser.add_argument("--rate", type=float, default=RATE, help="calls a second")
    parser.add_argument(
        "--seconds", type=int, default=SECONDS, help=f"of each question, after {WARM_UP_S} to warm up"
    )
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument(
        "--keep", type=Path, metavar="DIR", help="load once, and keep the servers' data there"
    )
    return parser.parse_args()


def run(given: argparse.Namespace, console: Console) -> dict[str, Any]:
    """Load, ask, and give what was measured."""
    offers, measured = wanted_offers(given.only), list[Measured]()
    with kept_in(given.keep) as home, exchange_in(home, console.print, services=False) as site:
        city = loaded_city(site, home, given.contracts, given.seed, console.print)
        with front_door(site, home) as (url, processes):
            load = Load(site, url, city, processes, given.rate, given.seconds, given.seed)
            for offer in offers:
                measured.append(asyncio.run(load.measure(offer)))
                console.print(str(measured[-1]))
    console.print(shown(measured, given.rate))
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "contracts": given.contracts,
        "rate": given.rate,
        "seconds": given.seconds,
        "processors": psutil.cpu_count(),
        "queries": [{name: getattr(one, name) for name in Measured.__slots__} for one in measured],
        "wrong": found_wrong(measured),
    }


def main() -> None:
    """Measure and print; the last line is one JSON object, which is also kept beside the results of the others."""
    result = run(options(), Console(file=sys.stderr, width=140))
    RESULTS.parent.mkdir(exist_ok=True)
    with RESULTS.open("a", encoding="utf-8") as file:
        file.write(json.dumps(result) + "\n")
    print(json.dumps(result))
    if result["wrong"]:
        sys.exit("\n".join(result["wrong"]))


if __name__ == "__main__":
    main()
