"""``files send`` and ``files take``: a department's topics in files. They join the group of ``files_cmd``."""

import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import click

from broker.batches import Folder, Inbox, Outbox, read_key
from broker.batches.outbox import Sent
from broker.errors import ConfigError, Unavailable
from broker.kafka import TopicPartition
from broker.settings import Settings
from consumers.files.sending import Limits, Sender, channel_to, sender
from consumers.files.tables import tables
from consumers.files.taking import BatchTarget, Decoded, Taker
from consumers.outputs.daily import daily
from consumers.outputs.forms import CSV, JSON_LINES
from consumers.sync.target import SCHEMA
from qianbei.cli.completing import departments
from qianbei.cli.files_cmd import Speaker, begin_option, files_command, key_option, settle_option, watch
from qianbei.services import stopping
from qianbei.site import settings_of
from schemas.said import Said, said

__all__ = ["files_command"]

_FOLDER = click.Path(file_okay=False, path_type=Path)
_PAUSE_S = 1.0
_KEEP_S = 7 * 24 * 3600
_SESSION_S = 3600.0
"""So often the department's topics are looked for anew, and old batches are removed, for which a week's receipts are read."""


@files_command.command(name="send")
@click.argument("department", shell_complete=departments)
@click.option(
    "--into", "folder", type=_FOLDER, required=True, help="The sender's folder; made if it is not there."
)
@click.option("--once", is_flag=True, help="Pack what is there now, then end.")
@click.option(
    "--records", type=click.IntRange(1), default=20_000, show_default=True, help="Records a batch, at most."
)
@click.option(
    "--every",
    type=click.FloatRange(0),
    default=30.0,
    show_default=True,
    help="Seconds after its first record that a batch is closed.",
)
@click.option(
    "--outstanding",
    type=click.IntRange(1),
    default=20,
    show_default=True,
    help="So many batches may be without a receipt; then packing waits.",
)
@key_option
@click.option("--json", "as_json", is_flag=True, help="JSON Lines: one object for each thing that happens.")
def send_command(
    department: str,
    folder: Path,
    once: bool,
    records: int,
    every: float,
    outstanding: int,
    key: Path | None,
    as_json: bool,
) -> None:
    """Pack the topics of DEPARTMENT into batches in DIR/outbox, read as that department, until Ctrl-C.

    Goes on exactly where the newest batch ended. Batches whose receipts have come are removed after a week. With --once
    the exit code is 1 if receipts are missing or bad and packing had to wait.

    Example: qianbei files send tax --into /data/tax-out
    """
    settings = settings_of(department)
    limits = Limits(records=records, seconds=every)
    say = SendSpeaker(as_json)
    with Outbox(Folder(folder), channel_to(department), key=read_key(key)) as outbox:
        packing = Packing(outbox, outstanding, say)
        well = packing.once(settings, limits) if once else packing.follow(settings, limits)
    if not well:
        raise click.exceptions.Exit(1)


class Packing:
    """Packs batches while their receipts come back."""

    def __init__(self, outbox: Outbox, outstanding: int, say: "SendSpeaker") -> None:
        self._outbox = outbox
        self._outstanding = outstanding
        self._say = say
        self._stop = threading.Event()

    def once(self, settings: Settings, limits: Limits) -> bool:
        """Pack up to the present ends; False if it had to stop for receipts, or one is bad."""
        self._outbox.clear(_KEEP_S)
        with stopping(self._stop), sender(settings, self._outbox.channel.name, self._outbox, limits) as one:
            ends = one.begin()
            while self._may_go_on():
                if not self._pack(one, ends):
                    return not self._say.complained
        return False

    def follow(self, settings: Settings, limits: Limits) -> bool:
        """Pack until stopped; waits while a server is away."""
        with stopping(self._stop):
            while not self._stop.is_set():
                self._outbox.clear(_KEEP_S)
                try:
                    with sender(settings, self._outbox.channel.name, self._outbox, limits) as one:
                        one.begin()
                        self._follow(one)
                except Unavailable as error:
                    self._say.again(error)
                    self._stop.wait(_PAUSE_S)
        return True

    def _follow(self, one: Sender) -> None:
        until = time.monotonic() + _SESSION_S
        while not self._stop.is_set() and time.monotonic() < until:
            if self._may_go_on():
                self._pack(one, None)
            else:
                self._stop.wait(_PAUSE_S)

    def _pack(self, one: Sender, ends: dict[TopicPartition, int] | None) -> bool:
        manifest = one.pack(self._stop, ends)
        if manifest is None:
            return False
        self._say.packed(self._outbox.channel.batch(manifest.sequence), manifest.records)
        return True

    def _may_go_on(self) -> bool:
        missing = self._outbox.outstanding()
        self._say.bad(missing)
        if len(missing) < self._outstanding:
            return True
        self._say.too_many(len(missing), self._outbox.channel.batch(missing[0].number))
        return False


class SendSpeaker(Speaker):
    """Tells what is packed, and what is wrong with receipts, each standing message once."""

    def __init__(self, as_json: bool) -> None:
        super().__init__(as_json)
        self._told: set[str] = set()

    @property
    def complained(self) -> bool:
        """Whether anything was wrong."""
        return bool(self._told)

    def packed(self, name: str, records: int) -> None:
        """A batch lies in the outbox."""
        self.say(
            "packed",
            {"batch": name, "records": records},
            said("{name}: {records} records", name=name, records=records),
            err=False,
        )

    def bad(self, missing: list[Sent]) -> None:
        """Receipts that are damaged, or that reject their batch."""
        for one in missing:
            if one.problem is not None:
                self._once(
                    "bad-receipt",
                    said("receipt of batch {number}: {problem}", number=one.number, problem=one.problem),
                )
            elif one.receipt is not None and one.receipt.fault is not None:
                fault = one.receipt.fault
                self._once(
                    "rejected",
                    said(
                        "batch {number} was rejected: {what} ({code}); {how}",
                        number=one.number,
                        what=fault.what,
                        code=fault.code,
                        how=fault.how,
                    ),
                )

    def too_many(self, count: int, first: str) -> None:
        """Packing waits."""
        self._once(
            "waiting",
            said(
                "{count} batches have no receipt, from {first} on: bring the receipts back into receipts/; packing waits",
                count=count,
                first=first,
            ),
        )

    def _once(self, what: str, message: Said) -> None:
        if message not in self._told:
            self._told.add(message)
            self.say(what, {"message": message}, message, err=True)


@files_command.command(name="take")
@click.argument("department", shell_complete=departments)
@click.argument("folder", metavar="DIR", type=_FOLDER)
@click.option(
    "--into",
    "dsn",
    metavar="DSN",
    envvar="QIANBEI_SYNC_DSN",
    help="The department's own Postgres; also QIANBEI_SYNC_DSN. The same tables as those of `qianbei sync`.",
)
@click.option("--schema", default=SCHEMA, show_default=True, help="The schema that the tables are kept in.")
@click.option("--jsonl", type=_FOLDER, help="JSON Lines into this folder instead, a file a topic and day.")
@click.option(
    "--csv", "csv_folder", type=_FOLDER, help="CSV into this folder instead, a file a topic and day."
)
@click.option(
    "--once", is_flag=True, help="Take what is there, then end; exit code 1 if not all of it is well."
)
@click.option(
    "--again", is_flag=True, help="First apply anew what lies in DIR/done: for a target that was lost."
)
@key_option
@settle_option
@begin_option
@click.option("--json", "as_json", is_flag=True, help="JSON Lines: one object for each thing that happens.")
def take_command(
    department: str,
    folder: Path,
    dsn: str | None,
    schema: str,
    jsonl: Path | None,
    csv_folder: Path | None,
    once: bool,
    again: bool,
    key: Path | None,
    settle: float,
    begin_at: int,
    as_json: bool,
) -> None:
    """Take the batches for DEPARTMENT from DIR/inbox, apply them in order, and write receipts to DIR/receipts.

    Runs at the department and needs no network to the exchange. A batch that is damaged goes to DIR/rejected with the
    reason; later ones wait until it comes mended, under the same number.

    \b
    Example: qianbei files take tax /data/tax-in --into postgresql://tax@db.example/tax
             qianbei files take tax /data/tax-in --jsonl /data/tax-records --once
    """
    if sum(way is not None for way in (jsonl, csv_folder)) > 1 or not (jsonl or csv_folder or dsn):
        raise ConfigError(said("say where the records go: one of --into, --jsonl and --csv"))
    say = Speaker(as_json)
    with (
        Inbox(
            Folder(folder), channel_to(department), key=read_key(key), settle_s=settle, begin_at=begin_at
        ) as inbox,
        ExitStack() as stack,
    ):

        def taker() -> Taker:
            return Taker(inbox, stack.enter_context(_target(department, dsn, schema, jsonl, csv_folder)))

        if again:
            for name in taker().again():
                say.say(
                    "again-applied", {"batch": name}, said("{name} is applied again", name=name), err=False
                )
            stack.close()
        if not watch(taker, stack, say, once=once):
            raise click.exceptions.Exit(1)


@contextmanager
def _target(
    department: str, dsn: str | None, schema: str, jsonl: Path | None, csv_folder: Path | None
) -> Iterator[BatchTarget]:
    folder = jsonl or csv_folder
    if folder is not None:
        with daily(folder, CSV if csv_folder else JSON_LINES)() as files:
            yield Decoded(files)
    else:
        assert dsn is not None
        with tables(dsn, department, schema) as found:
            yield found
