"""What follows from a mark, without Kafka: who sends, from where on, when routing may join, and where."""

import pytest

from broker.backfill.kept import Kept
from broker.backfill.marks import NEVER, WITHIN, Mark, State, joint, marks_of, may_join, sent_from
from broker.errors import ConfigError
from broker.kafka import Committed, Record, TopicPartition
from broker.routing.plan import Plan
from tests.unit.test_routing import on_exchange, route
from tests.unit.test_routing_records import filled

BANK, POLICE = "dept.bank.icbc.sale.v1", "dept.police.sale.v1"
SOURCE = TopicPartition("exchange.sale", 2)
FILLING, READY, JOINED = State.FILLING, State.READY, State.JOINED


@pytest.mark.parametrize(
    ("mark", "offset"),
    [(None, 0), (Mark(0, FILLING), NEVER), (Mark(7, FILLING), NEVER), (Mark(7, READY), NEVER), (Mark(7, JOINED), 7)],
)  # fmt: skip
def test_from_where_routing_sends(mark: Mark | None, offset: int) -> None:
    assert sent_from(mark) == offset


@pytest.mark.parametrize(
    ("mark", "position", "may"),
    [
        (Mark(7, FILLING), 7, False),
        (Mark(7, JOINED), 7, False),
        (Mark(7, READY), 7, True),
        (Mark(7, READY), 3, True),
        (Mark(7, READY), 7 + WITHIN, True),
        (Mark(7, READY), 8 + WITHIN, False),
    ],
)
def test_when_routing_may_join(mark: Mark, position: int, may: bool) -> None:
    assert may_join(mark, position) is may


@pytest.mark.parametrize(("position", "joined"), [(3, 7), (7, 7), (9, 9)])
def test_the_joint_is_behind_what_either_has_sent(position: int, joined: int) -> None:
    assert joint(Mark(7, READY), position) == Mark(joined, JOINED)


def test_a_mark_is_committed_and_read_back() -> None:
    marks = {SOURCE: Mark(7, READY)}
    assert marks_of("qb-fill-x", {p: mark.committed for p, mark in marks.items()}) == marks


@pytest.mark.parametrize("word", ["", "Ready", "done"])
def test_a_commit_of_somebody_else_is_no_mark(word: str) -> None:
    with pytest.raises(ConfigError, match=r"qb-fill-x are no marks"):
        marks_of("qb-fill-x", {SOURCE: Committed(7, word)})


# --- what is kept -------------------------------------------------------------------------------------------------


def sent(kept: Kept, *offsets: int) -> list[tuple[str, int]]:
    """To which topic each record goes, of the two that see it."""
    return [
        (topic, offset)
        for offset in offsets
        for topic in sorted(message.topic for message in kept.messages([record(offset)]))
    ]


def record(offset: int) -> Record:
    return on_exchange(filled("sale", interested=["bank.icbc"]), offset=offset)


def kept() -> Kept:
    return Kept(Plan({"exchange.sale": route()}))


@pytest.mark.parametrize("state", [FILLING, READY])
def test_nothing_goes_to_a_topic_that_its_filler_fills(state: State) -> None:
    found = kept()
    found.note(POLICE, SOURCE, Mark(7, state))
    assert sent(found, 6, 7, 8) == [(BANK, 6), (BANK, 7), (BANK, 8)]
    assert found.awaited == {(POLICE, SOURCE)}


def test_from_the_joint_on_it_gets_all_and_nothing_is_kept_any_more() -> None:
    found = kept()
    found.note(POLICE, SOURCE, Mark(7, READY))
    found.note(POLICE, SOURCE, Mark(7, JOINED))
    assert found.awaited == set()
    assert sent(found, 6, 7) == [(BANK, 6), (BANK, 7), (POLICE, 7)]
    found.passed({SOURCE: 6})
    assert (POLICE, 6) not in sent(found, 6), "a position before the joint forgets nothing"
    found.passed({SOURCE: 7})
    assert (POLICE, 6) in sent(found, 6), "and one behind it forgets all"


def test_another_partition_is_not_concerned() -> None:
    found = kept()
    found.note(POLICE, SOURCE._replace(partition=1), Mark(7, FILLING))
    assert sent(found, 6) == [(BANK, 6), (POLICE, 6)]


def test_a_batch_keeps_its_order_beside_what_is_kept() -> None:
    found = kept()
    found.note(BANK, SOURCE, Mark(2, JOINED))
    plain = Kept(found.plan).messages(batch := [record(offset) for offset in (1, 2, 3)])
    kept_from = found.messages(batch)
    assert plain[0].topic == POLICE
    assert plain[1].topic == BANK
    assert kept_from == [plain[0], *plain[2:]]
