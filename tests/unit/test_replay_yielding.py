"""When a replay waits for the live services, and when it does not."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import pytest

from broker.replay.replaying import Pace
from broker.replay.yielding import LOOK_S, MOST_WAIT_S, GivingWay, Standing, falls_behind


@pytest.mark.parametrize(
    ("handled", "behind", "late"),
    [
        # 1,000 records in the two seconds before: half a second of that is 250.
        (1_000, 251, True),
        (1_000, 250, False),
        (100_000, 25_000, False),
        (100_000, 25_001, True),
        # Slow, but these few it has under way.
        (10, 50, False),
        (10, 51, True),
        # It stands still: nobody is disturbed.
        (0, 1_000_000, False),
    ],
)
def test_a_service_falls_behind_by_its_own_work(handled: int, behind: int, late: bool) -> None:
    assert (
        falls_behind([(10.0, Standing(7, 0)), (11.0, Standing(7, 0)), (12.0, Standing(7 + handled, behind))])
        is late
    )


def test_what_is_seen_once_tells_nothing() -> None:
    assert not falls_behind([(10.0, Standing(7, 1_000_000))])


@dataclass
class World:
    """Time, and two services, of which one handles 500 records a second and has ``behind`` more to do."""

    behind: Callable[[float], int]
    now: float = 0.0
    slept: list[float] = field(default_factory=list)
    looks: int = 0

    def clock(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        self.slept.append(seconds)

    def look(self) -> Mapping[str, Standing]:
        self.looks += 1
        return {"idle": Standing(3, 0), "busy": Standing(int(500 * self.now), self.behind(self.now))}

    def records(self, seconds: float, way: GivingWay) -> int:
        """How many a replay reads in that time, of which each takes a millisecond."""
        count, until = 0, self.now + seconds
        while self.now < until:
            way.spend()
            self.now += 0.001
            count += 1
        return count


def giving_way(world: World, rate: float = 0) -> GivingWay:
    return GivingWay(Pace(rate, world.clock, world.sleep), world.look, world.clock, world.sleep)


def test_nothing_waits_while_the_services_keep_up() -> None:
    world = World(lambda _now: 200)
    assert 9_990 <= world.records(10, giving_way(world)) <= 10_010
    assert world.slept == []
    assert world.looks <= 10 / LOOK_S + 1


def test_it_waits_until_they_have_caught_up() -> None:
    world = World(lambda now: 1_000 if 4 <= now < 7 else 100)
    read = world.records(10, giving_way(world))
    assert 6_700 <= read <= 7_300
    assert set(world.slept) == {LOOK_S}


def test_a_backlog_that_does_not_end_leaves_it_a_little() -> None:
    world = World(lambda _now: 100_000)
    read = world.records(60, giving_way(world))
    assert 0.03 <= read / 60_000 <= LOOK_S / MOST_WAIT_S * 1.5


def test_the_pace_is_kept_as_well() -> None:
    world = World(lambda _now: 0)
    assert world.records(10, giving_way(world, 100)) <= 1_010


def test_whoever_stops_it_is_not_waited_for() -> None:
    world = World(lambda _now: 100_000)
    way = giving_way(world)
    world.records(1, way)
    way.sleep = lambda _seconds: True
    begun = world.now
    way.spend()
    assert world.now - begun < 0.01
