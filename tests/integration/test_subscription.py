"""A subscription's promises, the same on Kafka and on the exchange in memory that the SDK ships."""

import threading
from collections.abc import Iterator

import pytest

from broker.errors import AccessDenied, ConfigError
from broker.topics import dead_letter_topic
from consumers.dead_letters import Wanted, ask, held
from consumers.delivery import HandlerFailed, Retryable, TooManyHeld, UndecodableRecord
from tests.support.exchange import until
from tests.support.subscribing import Handler, World, handling, subscription, until_seen, world_on, write

ALL = Wanted()
# The fixture asks for the shared stack by name, where nobody can see it beforehand.
pytestmark = pytest.mark.stack("exchange")


@pytest.fixture(params=["memory", "kafka"])
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    with world_on(request.param, lambda: request.getfixturevalue("deployed")) as made:
        yield made


def holds(world: World) -> dict[str, tuple[int, str]]:
    """By entity: how many records are held, and why."""
    found = held(world.servers(), world.department, ALL)
    return {about.name: (len(one.letters), one.failed or one.first.error) for about, one in found}


def redrive(world: World, entity: str) -> int:
    wanted = Wanted(entity_id=entity)
    return ask(world.servers(), world.department, held(world.servers(), world.department, wanted))


def test_records_come_in_order_and_a_restart_goes_on(world: World) -> None:
    handler = Handler()
    write(world, "a", 1, 2)
    write(world, "b", 1, partition=3)
    with handling(world, handler) as health:
        until_seen(handler, "a", 1, 2)
        until_seen(handler, "b", 1)
        assert health.alive
    write(world, "a", 3)
    with handling(world, handler):
        until_seen(handler, "a", 1, 2, 3)
    other = Handler()
    with handling(world, other, group="another"):
        until_seen(other, "a", 1, 2, 3)


def test_a_failing_record_holds_its_key_and_nothing_else(world: World) -> None:
    handler = Handler(refuses={("a", 2)})
    write(world, "a", 1, 2, 3)
    write(world, "b", 1)
    write(world, "a", 4)
    write(world, "b", 2)
    with handling(world, handler):
        until_seen(handler, "b", 1, 2)
        until("held", lambda: holds(world) == {"a": (3, "ValueError")}, 30)
        assert handler.of("a") == [1]


def test_a_redrive_hands_over_in_order_and_frees_the_key(world: World) -> None:
    handler = Handler(refuses={("a", 2)})
    write(world, "a", 1, 2, 3)
    with handling(world, handler) as health:
        until("held", lambda: holds(world) == {"a": (2, "ValueError")}, 30)
        handler.refuses.clear()
        write(world, "a", 4)
        assert redrive(world, "a") == 1
        until_seen(handler, "a", 1, 2, 3, 4)
        until("free", lambda: holds(world) == {}, 30)
        write(world, "a", 5)
        until_seen(handler, "a", 1, 2, 3, 4, 5)
        until("the count", lambda: health.as_dict()["held_records"] == 0, 10)


def test_a_redrive_that_fails_again_keeps_the_rest_held(world: World) -> None:
    handler = Handler(refuses={("a", 2), ("a", 4)})
    write(world, "a", 1, 2, 3, 4, 5)
    with handling(world, handler):
        until("held", lambda: holds(world) == {"a": (4, "ValueError")}, 30)
        handler.refuses.discard(("a", 2))
        handler.error = KeyError
        redrive(world, "a")
        until_seen(handler, "a", 1, 2, 3)
        until("held again", lambda: holds(world) == {"a": (2, "KeyError")}, 30)
        assert redrive(world, "a") == 1
        until("asked again", lambda: holds(world) == {"a": (2, "KeyError")}, 30)
        handler.refuses.clear()
        until("the second answer", lambda: not _asked(world), 30)
        redrive(world, "a")
        until_seen(handler, "a", 1, 2, 3, 4, 5)


def _asked(world: World) -> bool:
    return any(one.requested for _, one in held(world.servers(), world.department, ALL))


def test_a_successor_holds_what_its_predecessor_held(world: World) -> None:
    handler = Handler(refuses={("a", 2)})
    write(world, "a", 1, 2)
    with handling(world, handler):
        until("held", lambda: holds(world) == {"a": (1, "ValueError")}, 30)
    handler.refuses.clear()
    write(world, "a", 3)
    redriven_late = Handler()
    with handling(world, redriven_late) as health:
        until("both wait", lambda: holds(world) == {"a": (2, "ValueError")}, 30)
        until("known", lambda: health.as_dict()["held_records"] == 2, 10)
        assert redriven_late.seen == []
        redrive(world, "a")
        until_seen(redriven_late, "a", 2, 3)


def test_what_one_group_holds_another_handles(world: World) -> None:
    one, two = Handler(refuses={("a", 1)}), Handler()
    write(world, "a", 1, 2)
    with handling(world, one, group="one"), handling(world, two, group="two"):
        until_seen(two, "a", 1, 2)
        until("held", lambda: holds(world) == {"a": (2, "ValueError")}, 30)


def test_bytes_that_are_no_record_are_held_as_they_came(world: World) -> None:
    handler = Handler()
    write(world, "a", 1, value=b"junk that is no record")
    write(world, "a", 2)
    write(world, "b", 1)
    with handling(world, handler):
        until_seen(handler, "b", 1)
        until("held", lambda: holds(world) == {"a": (2, "UndecodableRecord")}, 30)
    ((_, one),) = held(world.servers(), world.department, ALL)
    assert one.first.record.value == b"junk that is no record"
    assert one.first.record.headers == (("qb_revision", b"1"),)


def test_surroundings_that_are_away_hold_nothing(world: World) -> None:
    handler = Handler(refuses={("a", 1)}, error=Retryable)
    write(world, "a", 1, 2)
    with handling(world, handler):
        until("tried again and again", lambda: handler.failures > 5, 30)
        assert holds(world) == {}
        handler.refuses.clear()
        until_seen(handler, "a", 1, 2)
    assert holds(world) == {}


def test_a_broken_handler_stops_before_it_holds_everything(world: World) -> None:
    handler = Handler(refuses={(f"e{n}", 1) for n in range(9)})
    for n in range(9):
        write(world, f"e{n}", 1)
    one = subscription(world, most_held=4)
    with pytest.raises(TooManyHeld, match=r"4 records of .* are held"):
        one.run(handler, threading.Event())
    assert len(holds(world)) == 4


@pytest.mark.parametrize(("value", "error"), [(None, HandlerFailed), (b"junk", UndecodableRecord)])
def test_without_dead_letters_a_failure_stops_and_is_met_again(
    world: World, value: bytes | None, error: type[Exception]
) -> None:
    handler = Handler(refuses={("a", 2)})
    write(world, "a", 1)
    write(world, "a", 2, value=value)
    with pytest.raises(error, match="at offset 1") as caught:
        subscription(world, dead_letters=False).run(handler, threading.Event())
    assert "4114" not in str(caught.value)
    with pytest.raises(error, match="at offset 1"):
        subscription(world, dead_letters=False).run(handler, threading.Event())
    assert handler.seen == [("a", 1)]


def test_no_dead_letter_holds_what_a_handler_said(world: World) -> None:
    handler = Handler(refuses={("a", 1)})
    write(world, "a", 1)
    with handling(world, handler):
        until("held", lambda: holds(world) == {"a": (1, "ValueError")}, 30)
    for record in world.servers().read(dead_letter_topic(world.department)):
        assert all(b"4114" not in value for _, value in record.headers)


def test_nothing_held_is_nothing_to_ask_for(world: World) -> None:
    with pytest.raises(ConfigError, match="nothing of that is held"):
        redrive(world, "a")


def test_a_topic_of_another_department_is_denied() -> None:
    with world_on("memory", lambda: pytest.fail("no Kafka is needed")) as made:
        servers = made.servers()
        with pytest.raises(AccessDenied), servers.feed("toys-x", ["dept.tax.sale.v1"], None):
            pass
