"""One run of ``qianbei replay``: what it reads, where that goes, and how far it has come."""

import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from broker.admission.opening import party_ref_filler
from broker.errors import AccessDenied, ConfigError, Unavailable
from broker.kafka import Connection, PartitionReader, TopicPartition
from broker.keys.keyring import Keyring
from broker.registry import Registry
from broker.replay import folder as folders
from broker.replay.decoding import AnyDecoder
from broker.replay.finding import Index, find, indexed_topics
from broker.replay.forms import as_object, json_line
from broker.replay.masking import masked, revealed
from broker.replay.outlets import Shown, fed
from broker.replay.planning import Plan, make_plan
from broker.replay.replaying import (
    Choosing,
    Chosen,
    Keep,
    Marks,
    Pace,
    Positions,
    Replay,
    Target,
    readers,
    scanning,
)
from broker.replay.selecting import Matcher, Selection, kind_of
from broker.replay.yielding import GivingWay, looking
from broker.store.roles import READER
from broker.topics import OPERATOR
from qianbei.cli.progress import bar
from qianbei.cli.tail_cmd import Painter
from qianbei.inspect.tail import Line
from qianbei.language import spoken
from qianbei.services import stopping
from qianbei.site import Site


class Run:
    """One replay on the site's servers. ``given`` is how many records it has given out."""

    def __init__(self, site: Site, selection: Selection, reveal: bool, rate: float, scan: bool) -> None:
        self._site = site
        self._settings = site.settings(OPERATOR, role=READER)
        self._connection = Connection.of(self._settings)
        self._selection = selection
        self._reveal = reveal
        self._rate = rate
        self._scan = scan
        self.given = 0

    def into(self, path: Path, form: str) -> bool:
        """Into a folder; whether it is whole."""
        what = f"{self._selection.digest} {form} {self._reveal}"
        with folders.claimed(path), scanning(self._connection) as far:
            state = folders.begun(path, what)
            plan = self._plan(far, None if state is None else state.ends)
            state = state or folders.State(what, plan.ends)
            folders.keep(path, state)
            self.given = state.given

            def keep(positions: Positions, marks: Marks, given: int) -> None:
                folders.keep(path, folders.State(what, plan.ends, dict(positions), marks, given))

            with folders.folder(path, form, state.marks) as target, bar(spoken("replaying")) as tell:
                complete = self._run(far, plan, target, keep, dict(state.positions), tell)
            if complete:
                folders.end(path)
        click.echo(spoken("{count:,} records in {path}", count=self.given, path=path), err=True)
        return complete

    def out(self, command: Sequence[str], as_json: bool) -> bool:
        """To a command, or printed."""
        with scanning(self._connection) as far:
            plan = self._plan(far, None)
            if command:
                with fed(command) as target, bar(spoken("replaying")) as tell:
                    return self._run(far, plan, target, _kept_nowhere, {}, tell)
            show = _print_json if as_json else _painted(Painter(Console()))
            return self._run(far, plan, Shown(show), _kept_nowhere, {}, lambda _done, _of: None)

    def _plan(self, reader: PartitionReader, ends: Mapping[TopicPartition, int] | None) -> Plan:
        index = self._index()
        plan = make_plan(reader, self._selection, index, ends)
        if index is not None and plan.to_scan:
            click.echo(
                spoken(
                    "the index does not reach {count:,} offsets: they are read through (`qianbei up --audit` "
                    "keeps it up to date)",
                    count=plan.to_scan,
                ),
                err=True,
            )
        return plan

    def _index(self) -> Index | None:
        if self._scan or self._selection.ranges or not indexed_topics(self._selection):
            return None
        try:
            return find(self._settings.dsn(), self._selection)
        except (Unavailable, AccessDenied, ConfigError) as error:
            click.echo(
                spoken("without the index, everything is read through: {error}", error=error), err=True
            )
            return None

    def _run(
        self,
        far: PartitionReader,
        plan: Plan,
        target: Target,
        keep: Keep,
        positions: dict[TopicPartition, int],
        tell: Callable[[int, int], None],
    ) -> bool:
        stop = threading.Event()
        with (
            stopping(stop),
            Registry(self._settings.registry_url) as registry,
            Keyring.of(self._settings) as keyring,
            readers(self._connection, far, plan) as sources,
            looking(self._connection, self._site.admin.installation()) as look,
        ):
            matcher = Matcher(self._selection, self._filler())
            presenting = revealed(keyring.open) if self._reveal else masked()
            choosing = Choosing(matcher, AnyDecoder(registry), presenting)
            pace = GivingWay(Pace(self._rate), look, sleep=stop.wait)
            replay = Replay(choosing, target, pace, keep, positions, self.given)
            try:
                return replay.run(sources, plan, stop, tell)
            finally:
                self.given = replay.given

    def _filler(self) -> Callable[[str, dict[str, Any]], None] | None:
        if not (self._selection.parties and any(kind_of(t) == "intake" for t in self._selection.topics)):
            return None
        return party_ref_filler(self._settings.party_key(), self._site.admin.installation().catalogue)


def _kept_nowhere(_positions: object, _marks: object, _given: int) -> None:
    """What is printed or fed to a command cannot go on."""


def _print_json(chosen: Chosen) -> None:
    click.echo(json_line(chosen), nl=False)


def _painted(painter: Painter) -> Callable[[Chosen], None]:
    def show(chosen: Chosen) -> None:
        record, about = chosen.record, as_object(chosen)
        size = len(record.value or b"")
        place = (record.topic, record.partition, record.offset, record.timestamp_ms, about["key"])
        painter.show(Line(*place, size, about.get("record"), chosen.problem))

    return show
