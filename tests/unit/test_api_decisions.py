"""Waiting for decisions: one question for all, woken by what is decided."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import Any

import pytest

from broker.api.decisions import EventKey, Found, Waiter
from broker.errors import Unavailable

A, B, C = ("bureau", "a"), ("bureau", "b"), ("court", "a")


class Table:
    """Decisions that stand, and what was asked."""

    def __init__(self) -> None:
        self.rows: dict[EventKey, Found] = {}
        self.asked: list[set[EventKey]] = []
        self.answering = asyncio.Event()
        self.answering.set()
        self.error: Exception | None = None

    async def ask(self, keys: Iterable[EventKey]) -> Mapping[EventKey, Found]:
        wanted = set(keys)
        self.asked.append(wanted)
        await self.answering.wait()
        if self.error is not None:
            raise self.error
        return {key: row for key, row in self.rows.items() if key in wanted}

    def decide(self, key: EventKey) -> Found:
        found = self.rows[key] = Found("sha", repr(key).encode())
        return found


@asynccontextmanager
async def running(waiter: Waiter) -> AsyncIterator[asyncio.Task[None]]:
    task = asyncio.create_task(waiter.run())
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def held(waiter: Waiter) -> int:
    return waiter.waiting + len(waiter._looking)


def test_a_look_tells_what_stands_now() -> None:
    async def run() -> None:
        table = Table()
        waiter = Waiter(table.ask)
        found = table.decide(A)
        async with running(waiter):
            assert await waiter.look(A) == found
            assert await waiter.look(B) is None
        assert held(waiter) == 0

    asyncio.run(run())


def test_who_waits_is_told_when_it_is_decided_each_his_own() -> None:
    async def run() -> None:
        table = Table()
        waiter = Waiter(table.ask)
        async with running(waiter):
            waits = [asyncio.create_task(waiter.wait(key, 5)) for key in (A, A, B, C)]
            await asyncio.sleep(0.01)
            assert waiter.waiting == 4
            expected = [table.decide(key) for key in (A, A, B, C)]
            waiter.wake()
            answers = await asyncio.gather(*waits)
            assert answers == [table.rows[A], expected[1], expected[2], expected[3]]
        assert held(waiter) == 0

    asyncio.run(run())


def test_a_missed_notification_costs_a_moment_and_no_decision() -> None:
    async def run() -> None:
        table = Table()
        waiter = Waiter(table.ask)
        async with running(waiter):
            wait = asyncio.create_task(waiter.wait(A, 5))
            await asyncio.sleep(0.01)
            found = table.decide(A)
            assert await asyncio.wait_for(wait, 1) == found

    asyncio.run(run())


def test_the_end_of_the_wait_is_no_error_and_leaves_nothing_behind() -> None:
    async def run() -> None:
        waiter = Waiter(Table().ask)
        async with running(waiter):
            assert await waiter.wait(A, 0.02) is None
            assert await waiter.wait(A, 0) is None
        assert held(waiter) == 0

    asyncio.run(run())


def test_what_is_asked_meanwhile_goes_into_one_question() -> None:
    async def run() -> None:
        table = Table()
        waiter = Waiter(table.ask)
        table.answering.clear()
        async with running(waiter):
            looks = [asyncio.create_task(waiter.look(A))]
            await asyncio.sleep(0.01)
            looks += [asyncio.create_task(waiter.look(("bureau", str(n)))) for n in range(50)]
            await asyncio.sleep(0.01)
            table.answering.set()
            await asyncio.gather(*looks)
        assert [len(keys) for keys in table.asked] == [1, 50]

    asyncio.run(run())


def test_between_notifications_only_those_who_look_are_asked_for() -> None:
    async def run() -> None:
        table = Table()
        waiter = Waiter(table.ask)
        async with running(waiter):
            wait = asyncio.create_task(waiter.wait(A, 5))
            await asyncio.sleep(0.08)
            table.asked.clear()
            waiter._asked_for_all += 10
            assert await waiter.look(B) is None
            assert table.asked == [{B}]
            table.decide(A)
            waiter.wake()
            assert await wait == table.rows[A]

    asyncio.run(run())


def test_where_nobody_waits_nothing_is_asked() -> None:
    async def run() -> None:
        table = Table()
        waiter = Waiter(table.ask)
        async with running(waiter):
            waiter.wake()
            await asyncio.sleep(0.12)
        assert table.asked == []

    asyncio.run(run())


@pytest.mark.parametrize("how", ["fails", "is cancelled"])
def test_when_the_database_goes_those_who_look_are_told_and_those_who_wait_wait_on(how: str) -> None:
    async def run() -> Any:
        table = Table()
        waiter = Waiter(table.ask)
        table.answering.clear()
        async with running(waiter) as task:
            wait = asyncio.create_task(waiter.wait(A, 5))
            look = asyncio.create_task(waiter.look(A))
            await asyncio.sleep(0.01)
            if how == "fails":
                table.error = Unavailable("gone")
                table.answering.set()
            else:
                task.cancel()
            with pytest.raises(Unavailable):
                await look
            await asyncio.gather(task, return_exceptions=True)
        table.error = None
        table.answering.set()
        found = table.decide(A)
        async with running(waiter):
            assert await asyncio.wait_for(wait, 1) == found

    asyncio.run(run())
