"""The receiving end: batches into the store, receipts back, figures on request. For tests and sandboxes.

It is the reading end of the channels (``broker.batches``), one folder a channel: whether a batch comes over HTTP or is laid
into the ``inbox`` by a carrier, it is verified, taken once in the order of its chain, and answered with a signed receipt.
"""

import re
import threading
from datetime import date
from pathlib import Path
from typing import Any

from broker.batches import Answer as Outcome
from broker.batches import BadBatch, Channel, Direction, Folder, Inbox, OpenBatch
from broker.batches.disk import remove, sync_folder, write_whole
from broker.batches.format import MANIFEST, SIGNATURE_SUFFIX
from broker.errors import QianbeiError
from consumers.upload.filing import MAX_LINE_BYTES, BadLine, Line, parse_line
from consumers.upload.parcel import Answer, BadParcel, Parcel, Question, marks_as_json
from consumers.upload.store import Store
from schemas.codelists import code_list
from schemas.said import joined, said

_NAME = re.compile(r"(city|province)\.([0-9a-z]{6})")


class Waits(QianbeiError):
    """A batch that cannot be taken yet, or not in this place; says why."""


class Receiver:
    """All channels under one folder. Its methods may be called from several threads."""

    def __init__(self, root: Path, store: Store, key: bytes | None) -> None:
        self._root = root
        self._store = store
        self._key = key
        self._one_at_a_time = threading.Lock()

    def deliver(self, name: str, number: int, parcel: Parcel) -> Answer:
        """Take a batch and give its receipt; the same again gets the same receipt.

        Raises BadParcel for no channel of ours, Waits if an earlier batch is missing.
        """
        channel = channel_named(name)
        with self._one_at_a_time, self._inbox(channel, settle_s=0.0) as inbox:
            _lay(inbox.folder.inbox / channel.batch(number), parcel)
            waiting = self._take_all(inbox)
            return _answer(inbox.folder, channel, number, waiting)

    def take_what_lies_there(self) -> dict[str, list[str]]:
        """Take what carriers brought; gives by channel what is wrong with it or waits."""
        found = {}
        for path in sorted(self._root.iterdir()) if self._root.exists() else ():
            if _NAME.fullmatch(path.name):
                with self._one_at_a_time, self._inbox(channel_named(path.name)) as inbox:
                    found[path.name] = self._take_all(inbox)
        return found

    def ask(self, name: str, day: str, question: Question) -> dict[str, Any]:
        """The figures of a day. Raises BadParcel for no channel or no day."""
        channel = channel_named(name)
        try:
            date.fromisoformat(day)
        except ValueError:
            raise BadParcel(said("no day")) from None
        figures = self._store.figures(channel.name, day)
        if question.level == "totals":
            return figures.totals()
        if question.level == "buckets":
            return {"buckets": figures.buckets()}
        return {"marks": marks_as_json(figures.of_buckets(question.buckets))}

    def _inbox(self, channel: Channel, settle_s: float = 10.0) -> Inbox:
        return Inbox(Folder(self._root / channel.name), channel, key=self._key, settle_s=settle_s)

    def _take_all(self, inbox: Inbox) -> list[str]:
        """Take batches until nothing moves; gives sentences on what is wrong or waits."""
        wrong: list[str] = []
        while True:
            look = inbox.look()
            wrong += [str(error) for error in look.rejected]
            if look.batch is not None:
                try:
                    self._take(inbox, look.batch)
                except BadBatch as error:
                    inbox.reject(look.batch, error)
                    wrong.append(str(error))
            if not look.moved:
                return [*wrong, *look.waiting]

    def _take(self, inbox: Inbox, batch: OpenBatch) -> None:
        lines = _lines(batch, inbox.channel)
        counts = self._store.take(inbox.channel.name, batch.manifest.sequence, batch.digest, lines)
        inbox.done(batch, Outcome({name: count for name, count in counts.items() if count}))


def channel_named(name: str) -> Channel:
    """A channel of the upload. Raises BadParcel for anything else, a path among them."""
    match = _NAME.fullmatch(name)
    if match is None or match[2].upper() not in code_list("county"):
        raise BadParcel(said("no channel: it is city or province, a dot, and a county code in small letters"))
    return Channel(name, Direction.OUT)


def _lines(batch: OpenBatch, channel: Channel) -> list[Line]:
    found = []
    for entry in batch.manifest.files:
        for number, content in enumerate(batch.lines(entry, MAX_LINE_BYTES), 1):
            found.append(_line(content, f"{batch.path.name}/{entry.name}:{number}", channel))
    return found


def _line(content: bytes, where: str, channel: Channel) -> Line:
    why: str = said("county is not the channel's")
    try:
        line = parse_line(content)
    except BadLine as error:
        why = str(error)
    else:
        if line.filing is None or channel.name.endswith(f".{line.filing.county.lower()}"):
            return line
    how = said("mend the program that wrote it and make the batch anew under the same number")
    raise BadBatch("BAD_RECORD", where, why, how)


def _lay(place: Path, parcel: Parcel) -> None:
    """As a carrier would: what was laid there before goes, the manifest comes last."""
    remove(place)
    place.mkdir(parents=True)
    for name, text in parcel.files.items():
        if name.startswith(MANIFEST):
            raise BadParcel(said("no data file may be called {name}", name=name))
        write_whole(place / name, text.encode())
    if parcel.signature is not None:
        write_whole(place / (MANIFEST + SIGNATURE_SUFFIX), parcel.signature.encode())
    write_whole(place / MANIFEST, parcel.manifest.encode())
    sync_folder(place)


def _answer(folder: Folder, channel: Channel, number: int, waiting: list[str]) -> Answer:
    path = folder.receipts / channel.receipt(number)
    if not path.exists():
        raise Waits(joined("; ", waiting))
    signed = path.with_name(path.name + SIGNATURE_SUFFIX)
    return Answer(receipt=path.read_text(), signature=signed.read_text() if signed.exists() else None)
