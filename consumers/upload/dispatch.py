"""From the ledger into the outboxes, and from there to the receivers. All of it may be killed and begun again anywhere.

1. ``publish``: what the ledger has planned and the outbox does not have yet is written there. A batch's bytes follow from
   the ledger alone, so an outbox that was lost is made again, chain and all.
2. ``carry``: batches without a receipt are handed over in order; each receipt is checked, and laid into the outbox's folder
   as a carrier of files would.
3. ``settle``: batches whose receipts are there are noted in the ledger, and removed after a week.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import NoReturn

from broker.batches import BadBatch, Channel, Direction, Folder, Outbox, Receipt
from broker.batches.batch import open_batch
from broker.batches.format import read_form
from broker.batches.outbox import Sent
from broker.batches.receipts import put_receipt
from broker.batches.signing import signature
from broker.errors import ConfigError, QianbeiError
from broker.runner import Stop
from consumers.upload.config import Upload
from consumers.upload.ledger import Ledger
from consumers.upload.link import Link, NotTaken
from consumers.upload.parcel import Answer, parcel_of
from schemas.said import said

RECORDS = "filings.jsonl"
KEEP_S = 7 * 24 * 3600.0


@dataclass(slots=True)
class Dispatched:
    """What one pass did: batches that were published and taken, and what is wrong, by channel."""

    published: int = 0
    taken: int = 0
    problems: dict[str, QianbeiError] = field(default_factory=dict)


class Dispatcher:
    """Sends what the ledger has planned. ``links`` gives the way to the receiver of a route, None for files alone."""

    def __init__(
        self,
        upload: Upload,
        ledger: Ledger,
        links: Callable[[str], Link | None],
        stop: Stop,
    ) -> None:
        self._upload = upload
        self._ledger = ledger
        self._links = links
        self._stop = stop
        self._made_at = 0.0

    def run(self) -> Dispatched:
        """One pass over all channels. A channel that fails is reported and does not hold up the others."""
        done = Dispatched()
        for name in self._ledger.channels():
            if self._stop.is_set():
                break
            try:
                self.channel(name, done)
            except QianbeiError as error:
                done.problems[name] = error
        return done

    def channel(self, name: str, done: Dispatched) -> None:
        """One channel. Raises what holds it up."""
        with self._outbox(name) as outbox:
            done.published += self._publish(outbox)
            link = self._links(name.partition(".")[0])
            before = self._settle(outbox)
            if link is None:
                _require_no_refusal(outbox)
            else:
                self._carry(outbox, link)
            done.taken += before + self._settle(outbox)
            outbox.clear(KEEP_S)

    @contextmanager
    def _outbox(self, name: str) -> Iterator[Outbox]:
        channel = Channel(name, Direction.OUT)
        key = self._upload.keys[name.partition(".")[0]]
        with Outbox(
            Folder(self._upload.store / name), channel, key=key, clock=lambda: self._made_at
        ) as outbox:
            yield outbox

    def _publish(self, outbox: Outbox) -> int:
        head = 0 if outbox.head is None else outbox.head.sequence
        name = outbox.channel.name
        self._require_one_history(outbox)
        waiting = self._ledger.batches(name, head)
        for planned in waiting:
            # The manifest says when the batch was planned, so that the same batch made again has the same digest.
            self._made_at = planned.made_at
            writer = outbox.begin()
            for line in self._ledger.lines(name, planned.number):
                writer.add(RECORDS, line.encoded())
            outbox.publish(writer)
        return len(waiting)

    def _require_one_history(self, outbox: Outbox) -> None:
        """The newest batch in the outbox must be the one that the ledger planned: by its time, which nothing else has."""
        if outbox.head is None:
            return
        number, name = outbox.head.sequence, outbox.channel.name
        planned = {one.number: one.made_at for one in self._ledger.batches(name, number - 1)}
        if number not in planned or datetime.fromtimestamp(planned[number], UTC) != outbox.head.created_at:
            raise ConfigError(
                said(
                    "{channel}: batch {number} in the outbox is not the one in the ledger, which is an old copy or a new "
                    "one: restore the newest, or it would send filings twice",
                    channel=name,
                    number=number,
                )
            )

    def _carry(self, outbox: Outbox, link: Link) -> None:
        for sent in outbox.sent():
            if sent.receipt is not None and sent.receipt.outcome == "TAKEN":
                continue
            if self._stop.is_set():
                return
            self._deliver(outbox, link, sent)

    def _deliver(self, outbox: Outbox, link: Link, sent: Sent) -> None:
        channel = outbox.channel
        key = self._upload.keys[channel.name.partition(".")[0]]
        batch = open_batch(outbox.folder.outbox / channel.batch(sent.number), key)
        answer = link.deliver(channel, sent.number, parcel_of(batch))
        receipt = _checked(answer, channel, sent.number, batch.digest, key)
        put_receipt(outbox.folder, receipt, key)
        if receipt.outcome != "TAKEN":
            _refused(channel.batch(sent.number), receipt)

    def _settle(self, outbox: Outbox) -> int:
        """Note in the ledger which batches were taken. Raises BadBatch for a receipt that is wrong, or says no."""
        name = outbox.channel.name
        open_ones = {one.number for one in self._ledger.batches(name) if one.taken_at is None}
        settled = 0
        for sent in outbox.sent():
            if sent.number not in open_ones:
                continue
            if sent.problem is not None:
                raise sent.problem
            if sent.receipt is not None and sent.receipt.outcome == "TAKEN":
                self._ledger.acknowledge(name, sent.number, sent.receipt.written_at.timestamp())
                settled += 1
        return settled


def _checked(answer: Answer, channel: Channel, number: int, digest: str, key: bytes | None) -> Receipt:
    """The receipt of an answer. Raises BadBatch unless it is signed with our key and of this very batch."""
    content, name = answer.receipt.encode(), channel.receipt(number)
    if key is not None and (answer.signature or "").encode().strip() != signature(key, content).strip():
        raise BadBatch("BAD_SIGNATURE", name, said("the receipt is not signed with our key"))
    receipt = read_form(Receipt, content, name)
    if (receipt.channel, receipt.direction, receipt.sequence) != (*channel, number):
        raise BadBatch("WRONG_CHANNEL", name, said("the receipt is of another batch"))
    if receipt.outcome == "TAKEN" and receipt.manifest_sha256 != digest:
        raise BadBatch(
            "FORK",
            name,
            said("the receiver took another batch of this number"),
            said("find out which sender made it: two senders, or a ledger that is an old copy"),
        )
    return receipt


def _require_no_refusal(outbox: Outbox) -> None:
    for sent in outbox.sent():
        if sent.receipt is not None and sent.receipt.outcome == "REJECTED":
            _refused(outbox.channel.batch(sent.number), sent.receipt)


def _refused(name: str, receipt: Receipt) -> NoReturn:
    fault = receipt.fault
    raise NotTaken(
        said(
            "the receiver rejects {batch}: {what}; {how}",
            batch=name,
            what="" if fault is None else fault.what,
            how="" if fault is None else fault.how,
        )
    )
