"""``files``: batches in files, for zones that only files may cross."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import click

from broker.batches import Folder, Inbox, Outbox, Reader, Received, read_key
from broker.batches.disk import lines
from broker.errors import OwnershipLost, Unavailable
from producers.files import Receiver, channel_of, pack
from producers.first_decisions import FirstDecisions
from producers.jsonlines import MAX_LINE_BYTES
from producers.publisher import Publisher
from qianbei.cli.completing import principals
from qianbei.language import spoken
from qianbei.services import stopping
from qianbei.site import current_site, known_catalogue
from schemas.said import said, shown

_PAUSE_S = 1.0
_FOLDER = click.Path(file_okay=False, path_type=Path)

key_option = click.option(
    "--key",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A file (mode 0600) with the key of both ends: batches and receipts are signed, unsigned ones refused.",
)
settle_option = click.option(
    "--settle",
    type=click.FloatRange(0),
    default=10.0,
    show_default=True,
    help="Seconds that a batch must be unchanged before what is missing in it counts as missing.",
)
begin_option = click.option(
    "--begin-at",
    type=click.IntRange(1),
    default=1,
    help="The first number, where nothing was ever taken here.",
)


@click.group(name="files")
def files_command() -> None:
    """Batches in files, for zones that only files may cross. See docs/connect/files.md.

    Example: qianbei files pack bureau filings.jsonl --into /data/bureau
    """


@files_command.command(name="pack")
@click.argument("source", shell_complete=principals)
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--into", "folder", type=_FOLDER, required=True, help="The sender's folder; made if it is not there."
)
@click.option(
    "--records", type=click.IntRange(1), default=100_000, show_default=True, help="Lines a batch, at most."
)
@key_option
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def pack_command(
    source: str, file: Path, folder: Path, records: int, key: Path | None, as_json: bool
) -> None:
    """Make batches of a JSON Lines FILE of SOURCE in the outbox of a folder. Needs no server.

    If a line is wrong nothing is packed, and the exit code is 1. Batches whose receipts have come are removed after a
    week. Example: qianbei files pack bureau filings.jsonl --into /data/bureau
    """
    with Outbox(Folder(folder), channel_of(source), key=read_key(key)) as outbox:
        made, problems = pack(outbox, lambda: lines_of(file), records=records, catalogue=known_catalogue())
        outbox.clear(7 * 24 * 3600)
    names = [outbox.channel.batch(one.sequence) for one in made]
    if as_json:
        click.echo(json.dumps({"batches": names, "problems": [str(p) for p in problems]}, ensure_ascii=False))
    else:
        for problem in problems:
            click.echo(spoken("not packed: {problem}", problem=problem), err=True)
        for name, one in zip(names, made, strict=True):
            click.echo(
                spoken("{folder}: {records} records", folder=folder / "outbox" / name, records=one.records)
            )
    if problems:
        raise click.exceptions.Exit(1)


@files_command.command(name="receive")
@click.argument("source", shell_complete=principals)
@click.argument("folder", metavar="DIR", type=_FOLDER)
@click.option(
    "--once", is_flag=True, help="Take what is there, then end; exit code 1 if not all of it is well."
)
@key_option
@settle_option
@begin_option
@click.option("--json", "as_json", is_flag=True, help="JSON Lines: one object for each thing that happens.")
def receive_command(
    source: str, folder: Path, once: bool, key: Path | None, settle: float, begin_at: int, as_json: bool
) -> None:
    """Take the batches of SOURCE from DIR/inbox, publish every line, and write receipts to DIR/receipts.

    A batch that is damaged goes to DIR/rejected with the reason; later ones wait until it comes mended, under the same
    number. Example: qianbei files receive bureau /data/bureau-in
    """
    settings = current_site().settings(source)
    say = Speaker(as_json)
    with (
        Inbox(
            Folder(folder), channel_of(source), key=read_key(key), settle_s=settle, begin_at=begin_at
        ) as inbox,
        ExitStack() as stack,
    ):

        def receiver() -> Receiver:
            publisher = stack.enter_context(Publisher(settings, source))
            return Receiver(inbox, publisher, stack.enter_context(FirstDecisions(settings, source)))

        if not watch(receiver, stack, say, once=once):
            raise click.exceptions.Exit(1)


def lines_of(file: Path) -> Iterator[bytes]:
    """The lines of a file, those that are too long cut so that it shows."""
    with file.open("rb") as opened:
        yield from lines(opened, MAX_LINE_BYTES)


def watch(opened: Callable[[], Reader], stack: ExitStack, say: "Speaker", *, once: bool) -> bool:
    """Receive until stopped, or with ``once`` until nothing moves; gives whether all was well."""
    clean = True
    receiver: Reader | None = None
    stop = threading.Event()
    with stopping(stop):
        while not stop.is_set():
            try:
                receiver = receiver or opened()
                received = receiver.receive()
            except (Unavailable, OwnershipLost) as error:
                if once:
                    raise
                say.again(error)
                stack.close()
                receiver = None
                stop.wait(_PAUSE_S)
                continue
            say.received(received)
            clean = clean and received.clean
            if received.look.moved:
                continue
            if once:
                break
            stop.wait(_PAUSE_S)
    return clean


class Speaker:
    """Tells what happens, each standing message once."""

    def __init__(self, as_json: bool) -> None:
        self._as_json = as_json
        self._standing: set[str] = set()

    def received(self, received: Received) -> None:
        """One look at the inbox."""
        look = received.look
        for error in look.rejected:
            self.say(
                "rejected",
                {"code": error.code, "message": str(error)},
                said("rejected: {error}", error=error),
            )
        for name in look.repeated:
            self.say("repeated", {"batch": name}, said("{name} was taken before: nothing to do", name=name))
        if not look.moved:
            for why in sorted(set(look.waiting) - self._standing):
                self.say("waiting", {"message": why}, said("waiting: {why}", why=why))
            self._standing = set(look.waiting)
        if received.receipt is not None:
            receipt = received.receipt
            counts = ", ".join(f"{n} {name}" for name, n in sorted(receipt.outcomes.items()))
            found = receipt.model_dump(mode="json", include={"channel", "sequence", "records", "outcomes"})
            self.say(
                "taken",
                found,
                said(
                    "batch {sequence} taken: {records} records; {counts}",
                    sequence=receipt.sequence,
                    records=receipt.records,
                    counts=counts,
                ),
                err=False,
            )

    def again(self, error: Exception) -> None:
        """What passes, and is tried again."""
        self.say("again", {"message": str(error)}, said("trying again: {error}", error=error))

    def say(self, what: str, fields: dict[str, Any], text: str, *, err: bool = True) -> None:
        """One thing that happened; as text it goes to the standard error unless it went as wanted."""
        if self._as_json:
            click.echo(json.dumps({"what": what, **fields}, ensure_ascii=False))
        else:
            click.echo(shown(text), err=err)
