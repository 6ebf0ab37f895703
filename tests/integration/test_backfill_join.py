"""The join on a real broker, step by step: who holds a line, what a zombie can do, and what stands after each."""

from collections.abc import Iterator

import pytest

from broker.backfill.filling import Line, line
from broker.backfill.joining import Joins
from broker.backfill.marks import Mark, State
from broker.errors import ConfigError, OwnershipLost, Unavailable
from broker.kafka import Commit, Committed, Connection, Generation, GroupConsumer, Groups, TopicPartition
from broker.kafka.takeover import take_positions
from broker.logging import get_logger
from broker.routing.plan import Plan
from broker.topics import fill_group
from tests.support.exchange import Exchange, until

TARGET, SOURCE = "test.joined", TopicPartition("test.history", 0)
GROUP = "test-joiners"
READY = Mark(7, State.READY)
NOTHING = Plan({})


@pytest.fixture
def groups(exchange: Exchange) -> Iterator[Groups]:
    """A topic to be filled, and the one that it is filled from."""
    topics = {TARGET, SOURCE.topic}
    with Groups(Connection.of(exchange.site.admin)) as made:
        made.create_topics({topic: {} for topic in topics}, 1, 1)
        made.commit(fill_group(TARGET), {SOURCE: READY.committed})
        yield made
        made.delete([fill_group(TARGET), GROUP])
        made.delete_topics(topics)


@pytest.fixture
def connection(exchange: Exchange) -> Connection:
    return Connection.of(exchange.site.admin)


def stands(groups: Groups) -> Mark:
    return Mark.of(fill_group(TARGET), groups.committed([fill_group(TARGET)])[fill_group(TARGET)][SOURCE])


def owner(consumer: GroupConsumer) -> Generation:
    """Join, and take the partition over."""
    generation: Generation | None = None

    def taken() -> bool:
        nonlocal generation
        consumer.poll(0.1)
        if consumer.moved:
            found = take_positions(consumer)
            generation = None if found is None or not found.positions else found.generation
        return generation is not None

    until("the partition is assigned", taken)
    assert generation is not None
    return generation


def test_a_join_stands_as_one_with_routings_own_offset(groups: Groups, connection: Connection) -> None:
    with GroupConsumer(connection, GROUP, [SOURCE.topic]) as consumer:
        generation = owner(consumer)
        with line(connection, TARGET, SOURCE) as held:
            assert held.mark() == READY
            held.join(Mark(9, State.JOINED), 5, generation, GROUP)
            assert held.mark() == Mark(9, State.JOINED)
        assert consumer.committed(SOURCE) == 5
    assert stands(groups) == Mark(9, State.JOINED)


def test_a_zombie_that_lost_the_partition_joins_nothing(groups: Groups, connection: Connection) -> None:
    """Its generation is one behind: neither its offset nor its mark becomes committed."""
    with GroupConsumer(connection, GROUP, [SOURCE.topic], instance="a") as consumer:
        stale = owner(consumer)
    with GroupConsumer(connection, GROUP, [SOURCE.topic], instance="b") as consumer:
        groups.leave_group(GROUP, "a")
        owner(consumer)
        with line(connection, TARGET, SOURCE) as held, pytest.raises(OwnershipLost):
            held.join(Mark(9, State.JOINED), 5, stale, GROUP)
        assert consumer.committed(SOURCE) is None
    with line(connection, TARGET, SOURCE) as held:
        assert held.mark() == READY


def test_a_crash_before_the_join_is_through_leaves_the_mark(groups: Groups, connection: Connection) -> None:
    """Its transaction holds offsets of both groups when it dies; the next who opens the line ends it."""
    with (
        GroupConsumer(connection, GROUP, [SOURCE.topic]) as consumer,
        line(connection, TARGET, SOURCE) as held,
    ):
        generation = owner(consumer)
        open_without_end(held, Commit(GROUP, {SOURCE: 5}, generation))
        with line(connection, TARGET, SOURCE) as later:
            assert later.mark() == READY
            assert consumer.committed(SOURCE) is None, "who waits for the open offset is not kept waiting"
            later.join(Mark(8, State.JOINED), 8, generation, GROUP)
    assert stands(groups) == Mark(8, State.JOINED)


def open_without_end(held: Line, commit: Commit) -> None:
    """Bring a join as far as just before its commit."""
    client = held.producer._client
    end, client.commit_transaction = client.commit_transaction, lambda: None
    held.producer.publish([], Commit(held.group, {SOURCE: 9}, metadata=State.JOINED.value), commit)
    client.commit_transaction = end


def test_who_lost_the_line_moves_the_mark_no_more(groups: Groups, connection: Connection) -> None:
    with line(connection, TARGET, SOURCE) as first:
        first.fill(NOTHING, [], Mark(8, State.FILLING))
        with line(connection, TARGET, SOURCE) as second:
            assert second.mark() == Mark(8, State.FILLING)
            with pytest.raises((OwnershipLost, Unavailable)):
                first.fill(NOTHING, [], Mark(9, State.FILLING))
            second.fill(NOTHING, [], Mark(10, State.READY))
    assert stands(groups) == Mark(10, State.READY)


def test_offsets_of_somebody_else_in_a_fill_group_are_refused(groups: Groups, connection: Connection) -> None:
    groups.commit(fill_group(TARGET), {SOURCE: Committed(3, "")})
    with line(connection, TARGET, SOURCE) as held, pytest.raises(ConfigError, match=r"are no marks"):
        held.mark()


def test_a_joined_topic_that_is_not_known_here_is_not_left_out(
    groups: Groups, connection: Connection
) -> None:
    """As by an instance with old site files: while the topic is not joined nothing is lost by that, then all would be."""
    joins = Joins(NOTHING, connection, groups, GROUP, get_logger("test"))
    generation = Generation(1, "nobody", None)
    joins.taken({SOURCE: 0}, generation)
    groups.commit(fill_group(TARGET), {SOURCE: Mark(9, State.JOINED).committed})
    with pytest.raises(Unavailable, match=rf"{TARGET} has joined the live stream, and nothing here entitles"):
        joins.taken({SOURCE: 0}, generation)
