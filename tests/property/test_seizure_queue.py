"""Whatever happens to the seizures of a house, in whatever order: exactly one is in force if any has a place at all."""

from datetime import timedelta
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from broker.admission.model import EntityKey
from tests.support.drafts import CHINA, HOUSE, Exchange

NAMES = st.sampled_from("ABCDE")
HOURS = st.integers(0, 90)
DAYS = st.none() | st.integers(0, 40) | st.just(1095)
STEPS = st.one_of(
    st.tuples(st.just("seize"), NAMES, HOURS, st.sampled_from("1234"), DAYS, st.booleans(), st.booleans()),
    st.tuples(st.just("release"), NAMES, st.sampled_from((None, "WHOLE", "PARTIAL"))),
    st.tuples(st.just("change"), NAMES, HOURS, st.sampled_from("1234")),
    st.tuples(st.just("renew"), NAMES, st.integers(-2, 60)),
    st.tuples(st.just("title"), st.sampled_from(("REGISTERED", "CANCELLED"))),
    st.tuples(st.just("unit"), st.sampled_from(("REGISTERED", "CHANGED", "WITHDRAWN"))),
    st.tuples(st.just("wait"), st.sampled_from((1, 24, 25, 240, 24 * 400)), st.booleans()),
)


def play(exchange: Exchange, step: tuple[Any, ...]) -> None:
    """One step; what is refused changes nothing."""
    match step:
        case "seize", name, hours, kind, days, dated, baseline:
            served = exchange.now - timedelta(hours=hours)
            start = served.astimezone(CHINA).date()
            exchange.seize(
                name,
                "2020-01-01",
                served_at=served,
                kind=kind,
                start_date=start if dated else None,
                end_date=None if days is None else start + timedelta(days=days),
                baseline=baseline,
            )
        case "release", name, disposal if known(exchange, name):
            exchange.release(name, disposal)
        case "change", name, hours, kind if known(exchange, name):
            exchange.change(name, served_at=exchange.now - timedelta(hours=hours), kind=kind)
        case "renew", name, days if known(exchange, name):
            until = exchange.state("seizure", name)["effective_until"]
            end = until and (until + timedelta(days=days)).isoformat()
            exchange.renew(name, end)
        case "title", event_type:
            exchange.title(event_type=event_type)
        case "unit", event_type:
            exchange.unit(event_type)
        case "wait", hours, swept:
            exchange.now += timedelta(hours=hours)
            if swept:
                exchange.sweep()


def known(exchange: Exchange, name: str) -> bool:
    entity = exchange.workspace.entities.get(EntityKey("seizure", name))
    return entity is not None and entity.revision > 0


def check(exchange: Exchange) -> None:
    """What must hold after every decision on the house."""
    claims = exchange.workspace.claims(HOUSE)
    standing = [exchange.state(*key) for key in claims if key.subject == "seizure"]
    line = sorted(
        (s for s in standing if s["status"] != "HELD"), key=lambda s: (s["served_at"], s["entity_id"])
    )
    assert [s["queue_place"] for s in line] == list(range(1, len(line) + 1))
    assert [s["status"] for s in line] == ["EFFECTIVE", *["WAITING"] * (len(line) - 1)][: len(line)]
    assert [s["effective_kind"] in "13" for s in line] == [s["queue_place"] == 1 for s in line]
    for s in standing:
        in_force = s["status"] == "EFFECTIVE"
        assert (s["effective_from"] is not None) == (s["effective_until"] is not None) == in_force
        if s["status"] == "HELD":
            assert (s["queue_place"], s["effective_kind"]) == (None, None)
    ended = [e for e in exchange.emissions if e.status in ("RELEASED", "EXPIRED", "LAPSED")]
    assert {(e.body["queue_place"], e.body["effective_kind"]) for e in ended} <= {(None, None)}
    ids = [e.body["event_id"] for e in exchange.emissions]
    assert len(ids) == len(set(ids))


def revisions_are_dense(exchange: Exchange) -> None:
    found: dict[EntityKey, int] = {}
    for emission in exchange.emissions:
        assert emission.revision == found.get(emission.key, 0) + 1
        found[emission.key] = emission.revision


@given(st.lists(STEPS, max_size=25), st.booleans())
@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
def test_one_is_in_force_and_the_others_wait_in_their_places(steps: list[Any], registered: bool) -> None:
    exchange = Exchange()
    if registered:
        exchange.unit()
    for step in steps:
        play(exchange, step)
        check(exchange)
    exchange.now += timedelta(days=365 * 20)
    exchange.sweep()
    check(exchange)
    revisions_are_dense(exchange)
    assert exchange.queue() == []


@given(
    st.permutations("ABCD"),
    st.lists(HOURS, min_size=4, max_size=4),
    st.lists(st.sampled_from("1234"), min_size=4, max_size=4),
)
@settings(max_examples=60, deadline=None)
def test_the_order_in_which_notices_come_is_nobodys_gain(
    order: list[str], hours: list[int], kinds: list[str]
) -> None:
    def queue(names: list[str]) -> tuple[list[tuple[str, str]], Any]:
        exchange = Exchange()
        exchange.unit()
        for name in names:
            at = "ABCD".index(name)
            exchange.seize(
                name, "2020-01-01", served_at=exchange.now - timedelta(hours=hours[at]), kind=kinds[at]
            )
        line = exchange.queue()
        return line, exchange.term(line[0][0])

    assert queue(order) == queue(list("ABCD"))
