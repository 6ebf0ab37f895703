"""The upload of monitoring: items, routes, batches once each, and a reconciliation that repairs exactly what differs."""

import json
import random
from collections import Counter
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from broker.batches import Folder, Outbox
from broker.batches.batch import open_batch
from broker.errors import ConfigError
from consumers.upload import store as stored
from consumers.upload.config import Route
from consumers.upload.dispatch import RECORDS
from consumers.upload.figures import Kind, Mark, differences, figures_of
from consumers.upload.filing import BadLine, Filing, Key, Line, Op, parse_line
from consumers.upload.parcel import BadParcel, Parcel, parcel_of
from consumers.upload.reconcile import Compared, Reconciler, UnderWay
from tests.support.uploading import COUNTIES, KEY, Ends, quick_disk, some_filings

DAY = "2026-11-25"
DAYS = (DAY, "2026-11-26")
PROVINCE = {"411481": [{"from": "2026-11-26", "via": "province"}]}


@pytest.fixture
def ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Ends:
    quick_disk(monkeypatch)
    return Ends(tmp_path, f"sqlite:///{tmp_path}/received.db", {"routes": PROVINCE, "batch_records": 40})


def as_sent(filings: list[Filing]) -> Counter[tuple[str, Key]]:
    """Where each filing must be, once, worked out anew: 永城 goes to the province from the 26th on."""

    def channel(one: Filing) -> str:
        straight = one.county == "411481" and one.day >= "2026-11-26"
        return f"{'province' if straight else 'city'}.{one.county.lower()}"

    return Counter((channel(one), one.key) for one in filings)


def reconcile(ends: Ends, route: Route, day: str = DAY, *, repair: bool = True) -> Compared:
    with ends.sender() as (ledger, _, dispatcher):
        return Reconciler(ledger, dispatcher).day(route, date.fromisoformat(day), ends.link, repair=repair)


# --- batches --------------------------------------------------------------------------------------------------------


def test_each_filing_goes_once_by_the_route_of_its_day(ends: Ends) -> None:
    filings = some_filings(200, DAYS)
    done = ends.send(filings)
    assert not done.problems
    assert done.published == done.taken == len(set(ends.link.delivered))
    assert ends.held() == as_sent(filings)
    assert not ends.send(filings).published
    assert ends.held() == as_sent(filings)


def test_a_line_that_is_cut_is_tried_again_and_a_channel_that_fails_holds_up_no_other(ends: Ends) -> None:
    filings = some_filings(60, DAYS)
    ends.link.cut = 2
    assert not ends.send(filings[:30]).problems
    ends.link.cut = 3
    done = ends.send(filings)
    assert len(done.problems) == 1
    assert done.taken >= 2
    assert ends.send(filings).taken == 1
    assert ends.held() == as_sent(filings)


def test_an_outbox_that_was_lost_is_made_again_to_the_byte(ends: Ends) -> None:
    filings = some_filings(120, DAYS)
    ends.send(filings)
    outbox = ends.folder / "sender" / "city.411402"
    before = {path.name: (path / "manifest.json").read_bytes() for path in (outbox / "outbox").iterdir()}
    outbox.rename(ends.folder / "lost")
    assert not ends.send(filings).problems
    assert {
        path.name: (path / "manifest.json").read_bytes() for path in (outbox / "outbox").iterdir()
    } == before
    assert ends.held() == as_sent(filings)


def test_an_old_copy_of_the_ledger_sends_nothing_twice(ends: Ends) -> None:
    filings = some_filings(120, DAYS)
    ends.send(filings[:60])
    ledger = ends.folder / "sender" / "ledger.sqlite"
    copy = ledger.read_bytes()
    ends.send(filings)
    for suffix in ("-wal", "-shm"):
        Path(f"{ledger}{suffix}").unlink(missing_ok=True)
    ledger.write_bytes(copy)
    done = ends.send(filings)
    assert all("old copy" in str(error) for error in done.problems.values())
    assert len(done.problems) >= 3
    assert max(ends.held().values()) == 1


def test_a_receiver_rejects_a_batch_with_what_is_no_filing_and_takes_the_mended_one(ends: Ends) -> None:
    channel = Route("city", "411402").channel
    good = next(one for one in some_filings(20, (DAY,)) if one.county == "411402")
    alien = next(one for one in some_filings(20, (DAY,)) if one.county == "411481")
    for lines, outcome in [((good, alien), "REJECTED"), ((good,), "TAKEN")]:
        answer = ends.receiver.deliver(channel.name, 1, _batch_of(ends.folder / outcome, lines))
        receipt = json.loads(answer.receipt)
        assert receipt["outcome"] == outcome
        if outcome == "REJECTED":
            assert receipt["fault"]["code"] == "BAD_RECORD"
            assert "filings.jsonl:2: county" in receipt["fault"]["what"]
            assert not ends.held()
    assert ends.held() == {(channel.name, good.key): 1}


def _batch_of(folder: Path, filings: tuple[Filing, ...]) -> Parcel:
    channel = Route("city", "411402").channel
    with Outbox(Folder(folder), channel, key=bytes.fromhex(KEY)) as outbox:
        writer = outbox.begin()
        for one in filings:
            writer.add(RECORDS, Line(Op.ADD, one.key, one).encoded())
        outbox.publish(writer)
    return parcel_of(open_batch(folder / "outbox" / channel.batch(1)))


@pytest.mark.parametrize("name", ["city.411499", "city.../x", "nation.411402", "city.4114A1"])
def test_no_channel_but_ours_makes_a_folder(ends: Ends, name: str) -> None:
    with pytest.raises(BadParcel, match="no channel"):
        ends.receiver.deliver(name, 1, Parcel(manifest="", signature=None, files={}))
    assert not (ends.folder / "received").exists()


# --- reconciliation -------------------------------------------------------------------------------------------------


def _plant(ends: Ends, rng: random.Random, channel: str, count: int) -> dict[Key, Kind]:
    """Damage so many filings of a day at the receiver; gives what must be found."""
    with ends.store.begin() as db:
        wanted = sa.select(stored.row).where(stored.row.c.channel == channel, stored.row.c.day == DAY)
        rows = rng.sample(db.execute(wanted.order_by(stored.row.c.entity_id)).all(), count)
        planted = {}
        for n, one in enumerate(rows):
            kind = (Kind.LOST, Kind.DOUBLED, Kind.CHANGED)[n % 3]
            planted[Key(one.subject, one.entity_id, one.revision)] = kind
            here = sa.and_(
                stored.row.c.channel == channel,
                stored.row.c.number == one.number,
                stored.row.c.place == one.place,
            )
            if kind is Kind.LOST:
                db.execute(sa.delete(stored.row).where(here))
            elif kind is Kind.DOUBLED:
                db.execute(sa.insert(stored.row), {**one._asdict(), "place": 10_000 + n})
            else:
                items = json.loads(one.items)
                items[rng.choice(sorted(items))] = "7.00"
                db.execute(sa.update(stored.row).where(here).values(items=json.dumps(items)))
    return planted


def test_a_hundred_planted_differences_are_found_and_repaired_exactly(ends: Ends) -> None:
    seed = random.randrange(10**6)
    print(f"seed {seed}")
    rng, route = random.Random(seed), Route("city", "411402")
    ends.config = {**ends.config, "batch_records": 250}
    filings = some_filings(900, DAYS, seed=seed)
    ends.send(filings)
    truth = ends.held()
    planted = _plant(ends, rng, route.channel.name, 100)
    before = {name: len(list(path.iterdir())) for name, path in _outboxes(ends).items()}
    ends.link.asked.clear()
    found = reconcile(ends, route)
    assert {key: kind for kind, key in found.found} == planted
    assert len(found.found) == 100
    assert found.equal
    assert found.mine == found.theirs
    # Nothing else was sent again, and of the marks only those of buckets that differ were asked for.
    assert [key for op, key in _lines(ends, route, found.repair)] == sorted(planted)
    after = {name: len(list(path.iterdir())) for name, path in _outboxes(ends).items()}
    assert {name: after[name] - before[name] for name in after if after[name] != before[name]} == {
        route.channel.name: 1
    }
    (marks,) = [one for one in ends.link.asked if one.level == "marks"]
    assert len(marks.buckets) <= 100
    assert ends.held() == truth
    again = reconcile(ends, route)
    assert (again.found, again.repair, again.equal) == ((), None, True)


def _outboxes(ends: Ends) -> dict[str, Path]:
    return {path.name: path / "outbox" for path in (ends.folder / "sender").glob("c*.4*")}


def _lines(ends: Ends, route: Route, number: int | None) -> list[tuple[Op, Key]]:
    name = route.channel.batch(number or 0)
    lines = (
        (ends.folder / "sender" / route.channel.name / "outbox" / name / RECORDS).read_bytes().splitlines()
    )
    found = [parse_line(one) for one in lines]
    assert {one.op for one in found} == {Op.PUT}
    return [(one.op, one.key) for one in found]


def test_a_day_that_is_equal_costs_one_question(ends: Ends) -> None:
    ends.send(some_filings(100, DAYS))
    ends.link.asked.clear()
    assert reconcile(ends, Route("city", "411402")).equal
    assert [one.level for one in ends.link.asked] == ["totals"]


def test_what_was_never_sent_goes_and_what_was_moved_to_another_day_comes_back(ends: Ends) -> None:
    filings, route = some_filings(100, DAYS), Route("city", "411402")
    ends.send(filings)
    truth, channel = ends.held(), stored.row.c.channel == route.channel.name
    with ends.store.begin() as db:
        moved, other = db.execute(
            sa.select(stored.row).where(channel, stored.row.c.day == DAY).limit(2)
        ).all()
        here = sa.and_(channel, stored.row.c.entity_id == moved.entity_id)
        db.execute(sa.update(stored.row).where(here).values(day=DAYS[1]))
        db.execute(sa.insert(stored.row), {**other._asdict(), "entity_id": "stray", "place": 10_000})
    of_the_second_day = reconcile(ends, route, DAYS[1])
    assert [kind for kind, _ in of_the_second_day.found] == [Kind.STRAY]
    of_the_first_day = reconcile(ends, route, DAY)
    assert [one.key.entity_id for one in of_the_first_day.found] == ["stray"]
    assert of_the_first_day.equal
    assert of_the_second_day.equal
    assert ends.held() == truth


def test_comparing_alone_changes_nothing_and_is_remembered(ends: Ends) -> None:
    ends.send(some_filings(100, DAYS))
    route = Route("city", "411402")
    _plant(ends, random.Random(3), route.channel.name, 3)
    damaged = ends.held()
    found = reconcile(ends, route, repair=False)
    assert (len(found.found), found.repair, found.equal) == (3, None, False)
    assert ends.held() == damaged


def test_nothing_is_compared_while_batches_are_under_way(ends: Ends) -> None:
    ends.link.cut = 1_000
    ends.send(some_filings(30, (DAY,)))
    with pytest.raises(UnderWay, match="run --once"):
        reconcile(ends, Route("city", "411402"))


def test_the_figures_are_those_of_a_hand_count() -> None:
    def sale(n: int, status: str, price: str, area: str) -> Filing:
        items = {"HTLX": "11", "HTZT": status, "HTJE": price, "JZMJ": area}
        return Filing(Key("sale", f"s{n}", 1), status, DAY, "411402", items)

    figures = figures_of(
        [
            sale(1, "FILED", "800000.00", "90.50"),
            sale(2, "FILED", "0.10", "0.20"),
            sale(3, "SIGNED", "1.00", "2.00"),
            Filing(Key("lease", "l", 1), "FILED", DAY, "411402", {"HTLX": "31", "rent_amount": "1500.00"}),
        ]
    )
    assert figures.totals()["cells"] == [
        {"subject": "lease", "kind": "31", "status": "", "count": "1", "price": "0", "area": "0", "rent": "1500.00"},
        {"subject": "sale", "kind": "11", "status": "FILED", "count": "2", "price": "800000.10", "area": "90.70", "rent": "0"},
        {"subject": "sale", "kind": "11", "status": "SIGNED", "count": "1", "price": "1.00", "area": "2.00", "rent": "0"},
    ]  # fmt: skip


def test_each_kind_of_difference() -> None:
    def mark(entity: str, digest: str) -> Mark:
        return Mark(Key("sale", entity, 1), digest)

    mine = [mark(entity, "d") for entity in "abcde"]
    theirs = [
        mark("a", "d"),
        mark("b", "other"),
        mark("c", "d"),
        mark("c", "d"),
        mark("d", "d"),
        mark("d", "x"),
        mark("z", "d"),
    ]
    found = [(one.key.entity_id, one.kind.value) for one in differences(mine, theirs)]
    assert found == [("b", "CHANGED"), ("c", "DOUBLED"), ("d", "DOUBLED"), ("e", "LOST"), ("z", "STRAY")]


# --- lines and configuration ----------------------------------------------------------------------------------------


def test_a_line_is_read_as_it_was_written() -> None:
    (filing,) = some_filings(1, (DAY,))
    assert parse_line(Line(Op.ADD, filing.key, filing).encoded()).filing == filing


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda one: one["items"].update(FWBM=" "), "empty"),
        (lambda one: one["items"].update(parties=[{"role": None}]), "empty"),
        (lambda one: one.update(items={}), "items"),
        (lambda one: one.update(day="2026-13-01"), "no line"),
        (lambda one: one.update(revision="1"), "revision"),
        (lambda one: one.update(subject="household"), "subject"),
        (lambda one: one.update(op="ERASE"), "no line"),
        (lambda one: one.pop("county"), "no line"),
    ],
)
def test_a_line_that_is_no_filing(change: Callable[[dict[str, Any]], object], why: str) -> None:
    (filing,) = some_filings(1, (DAY,))
    found = json.loads(Line(Op.ADD, filing.key, filing).encoded())
    change(found)
    with pytest.raises(BadLine, match=why):
        parse_line(json.dumps(found).encode())


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"routes": {"411499": [{"from": "2026-01-01", "via": "city"}]}}, "411499 is no county"),
        ({"routes": {"411481": [{"from": "2026-01-01", "via": "nation"}]}}, "routes.411481.0.via"),
        ({"ways": {"city": {}}, "routes": PROVINCE}, "ways has no province"),
        ({"ways": {"city": {"url": "http://example.org/in"}}, "routes": {}}, "use https"),
        ({"ways": {"city": {"url": "https://example.org/in"}}, "routes": {}}, "needs a key"),
        ({"require": {"unit": ["BDCDY"]}}, "unit has no item BDCDY"),
        ({"placeholders": {"BDCDYDM": " "}}, "BDCDYDM is empty"),
        ({"rutes": {}}, "rutes"),
    ],
)
def test_a_configuration_that_is_wrong_says_what(ends: Ends, changes: dict[str, Any], why: str) -> None:
    with pytest.raises(ConfigError, match=why):
        ends.upload(**changes)


def test_routes_go_by_day(ends: Ends) -> None:
    upload, first = ends.upload(), date(2026, 11, 26)
    assert upload.route("411481", first).via == "province"
    assert upload.route("411481", first - timedelta(days=1)).via == "city"
    assert {upload.route(county, first).via for county in COUNTIES if county != "411481"} == {"city"}
