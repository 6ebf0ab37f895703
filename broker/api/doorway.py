"""What the front door needs of the exchange, and the way of a filing through it."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from broker.admission.eligibility import Judgement, Question
from broker.api import answers
from broker.api.answers import Reply
from broker.api.decisions import EventKey, Found
from broker.api.filing import Filing, Forms
from broker.api.problems import ProblemError, unavailable
from broker.api.tokens import Token
from broker.errors import QianbeiError, TooLarge
from broker.kafka import Outgoing


class Doorway(Protocol):
    """The exchange as the front door sees it. Methods raise Unavailable where a server does not answer."""

    @property
    def forms(self) -> Forms: ...

    @property
    def waiting(self) -> int:
        """How many wait for a decision now."""

    @property
    def healthy(self) -> bool:
        """Whether all servers answer."""

    async def look(self, key: EventKey) -> Found | None:
        """The decision that stands now."""

    def post(self, message: Outgoing) -> asyncio.Future[int]:
        """Write to the intake, in the order of the calls; the future is the offset, once it is acknowledged."""

    async def wait(self, key: EventKey, seconds: float) -> Found | None:
        """The decision as soon as it stands, None if it does not in that time."""

    def read(self, found: Found) -> Mapping[str, Any]:
        """A decision in JSON form."""

    async def judge(self, question: Question, token: Token) -> Judgement:
        """What the rules would hold against a contract; who asked is written to the access log before."""


async def submit(door: Doorway, filing: Filing, seconds: float) -> Reply:
    """One filing: written unless it is known, and answered when it is decided or when the time is over."""
    return (await submit_all(door, [filing], seconds))[0]


async def submit_all(door: Doorway, filings: Sequence[Filing], seconds: float) -> list[Reply]:
    """Several filings, written in their order. Raises nothing for a single one of them: each has its reply.

    1. Look: what is decided already is answered and not written again.
    2. Write the others, all before any wait, so that those of one house lie in their order.
    3. Wait for the decisions. One stands as soon as admission has committed it, which may be before we learn that the
       write was acknowledged.
    4. Where the time is over, the acknowledgement alone tells whether the filing is safe.
    """
    known = await asyncio.gather(*(door.look((f.principal, f.event_id)) for f in filings))
    started = [
        _answered(door, filing, found, duplicate=True) if found else _write(door, filing)
        for filing, found in zip(filings, known, strict=True)
    ]
    return list(
        await asyncio.gather(
            *(
                _immediately(one) if isinstance(one, Reply) else _finish(door, filing, one, seconds)
                for filing, one in zip(filings, started, strict=True)
            )
        )
    )


async def _immediately(reply: Reply) -> Reply:
    return reply


def _write(door: Doorway, filing: Filing) -> asyncio.Future[int] | Reply:
    try:
        return door.post(filing.message)
    except QianbeiError as error:
        return _not_written(error)


async def _finish(door: Doorway, filing: Filing, written: asyncio.Future[int], seconds: float) -> Reply:
    waiting = asyncio.ensure_future(door.wait((filing.principal, filing.event_id), seconds))
    either: set[asyncio.Future[Any]] = {waiting, written}
    await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
    if written.done() and (error := written.exception()):
        waiting.cancel()
        return _not_written(error)
    found = await waiting
    if found is not None:
        # Another may have sent the same at the same moment; then one of the two is the duplicate.
        first = door.read(found)["intake_offset"]
        acknowledged = written.done() and written.exception() is None
        written.add_done_callback(_seen)
        return _answered(door, filing, found, duplicate=acknowledged and written.result() != first)
    await asyncio.wait({written})
    error = written.exception()
    return _not_written(error) if error else answers.pending(filing.event_id)


def _seen(written: asyncio.Future[int]) -> None:
    """The decision is the answer; how the acknowledgement fared no longer matters."""
    if not written.cancelled():
        written.exception()


def _answered(door: Doorway, filing: Filing, found: Found, *, duplicate: bool) -> Reply:
    return answers.decided(filing, found.sha256, door.read(found), duplicate=duplicate)


def _not_written(error: BaseException) -> Reply:
    if isinstance(error, TooLarge):
        return answers.of_problem(
            ProblemError("too-large", "the filing is longer than the intake takes", "send less")
        )
    if isinstance(error, QianbeiError):
        # Whatever it was is the exchange's to mend, and was logged where it happened.
        return answers.of_problem(unavailable("the intake did not acknowledge the filing"))
    raise error
