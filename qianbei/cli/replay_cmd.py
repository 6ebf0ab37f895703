"""``replay``: chosen records of the log once more, for an audit; nothing live is disturbed."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import click

from broker.deploy import installation_topics
from broker.errors import AccessDenied, ConfigError, Unavailable
from broker.kafka import TopicPartition
from broker.replay.finding import same_party
from broker.replay.folder import FORMS
from broker.replay.outlets import CommandFailed
from broker.replay.reading import Span
from broker.replay.revealing import Revealing, written_down
from broker.replay.selecting import KINDS, Selection, topics_of
from broker.store.roles import READER
from broker.topics import OPERATOR
from qianbei.cli.acts import user
from qianbei.cli.completing import topics as topic_names
from qianbei.cli.document import asked_document
from qianbei.cli.replay_run import Run
from qianbei.cli.times import Moment
from qianbei.language import spoken
from qianbei.site import Site, current_site
from schemas.said import shown

RATE = 1_000
"""Records a second that leave the exchange its latency (benchmarks/replay_beside.py)."""
_MOST_REASON = 500


class _Feeding(click.Command):
    """Takes what follows ``--`` as a command of its own."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Cut it off before options are looked for."""
        at = args.index("--") if "--" in args else len(args)
        ctx.obj = args[at + 1 :]
        return super().parse_args(ctx, args[:at])


class _Range(click.ParamType[tuple[TopicPartition, Span]]):
    """``topic/partition/first-last``; the last may be left out."""

    name = "range"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[TopicPartition, Span]:
        """Fails for what is no range."""
        if isinstance(value, tuple):
            return value
        topic, _, rest = str(value).partition("/")
        partition, _, offsets = rest.partition("/")
        first, _, last = offsets.partition("-")
        if not (partition.isdecimal() and first.isdecimal() and (last.isdecimal() or offsets == f"{first}-")):
            self.fail(spoken("{value!r} is no range: write exchange.sale/2/100-199", value=value), param, ctx)
        return TopicPartition(topic, int(partition)), Span(int(first), int(last) + 1 if last else 1 << 62)


@click.command(name="replay", cls=_Feeding)
@click.argument("topics", nargs=-1, metavar="[TOPIC]... [-- COMMAND]", shell_complete=topic_names)
@click.option(
    "--subject", "subjects", multiple=True, help="Only this subject; may be repeated, as all of these."
)
@click.option("--entity", "entities", multiple=True, help="Only this entity_id.")
@click.option("--house", "houses", multiple=True, help="Only this house code.")
@click.option("--county", "counties", multiple=True, help="Only this county code.")
@click.option("--event", "event_ids", multiple=True, help="Only this event_id.")
@click.option(
    "--person",
    is_flag=True,
    help="Only records that name one person, asked for on the standard input: document type and number.",
)
@click.option("--since", type=Moment(), help="Only what was appended at this time or later.")
@click.option("--until", type=Moment(), help="Only what was appended before this time.")
@click.option(
    "--range",
    "ranges",
    multiple=True,
    type=_Range(),
    metavar="PLACE-LAST",
    help="Only these offsets, as exchange.sale/2/100-199.",
)
@click.option(
    "--to",
    "path",
    type=click.Path(file_okay=False, path_type=Path),
    help="Into a new folder, a file a topic. Interrupted, the same command goes on exactly where it was.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(list(FORMS)),
    default="jsonl",
    show_default=True,
    help="Of the files.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON Lines.")
@click.option(
    "--rate",
    type=click.FloatRange(0),
    default=RATE,
    show_default=True,
    help="Records read a second at most; 0: as fast as the live services keep up.",
)
@click.option("--scan", is_flag=True, help="Read everything through, without asking the index.")
@click.option(
    "--reveal", is_flag=True, help="Show protected values, which are masked otherwise. Takes a --reason."
)
@click.option("--reason", help="Why they are shown; kept for ever, so name no person.")
@click.option("--operator", show_default="you", help="To whom they are shown; kept for ever.")
@click.pass_obj
def replay_command(
    command: Sequence[str],
    topics: tuple[str, ...],
    subjects: tuple[str, ...],
    entities: tuple[str, ...],
    houses: tuple[str, ...],
    counties: tuple[str, ...],
    event_ids: tuple[str, ...],
    person: bool,
    since: datetime | None,
    until: datetime | None,
    ranges: tuple[tuple[TopicPartition, Span], ...],
    path: Path | None,
    form: str,
    as_json: bool,
    rate: float,
    scan: bool,
    reveal: bool,
    reason: str | None,
    operator: str | None,
) -> None:
    """Give out records of TOPICs (exchange.*, intake.*, decision.*, dept.*; by default all of exchange.*) once more: printed,
    into files, or as lines of JSON to a COMMAND.

    It joins no consumer group and writes to no topic. Records of an entity, house, person or event are found by the audit
    reader's index as far as it reaches; the rest is read through. Ends with 1 if it was stopped, or the command failed.

    \b
    Example: qianbei replay exchange.sale --county 411402 --since 2021-03-01 --to march --format parquet
             echo "1 411499199003070015" | qianbei replay --person --json
             qianbei replay dept.tax.* --reveal --reason "audit 4711" -- python count.py
    """
    _require_usage(path, command, as_json, reveal, reason)
    site = current_site()
    selection = Selection(
        topics=_chosen_topics(site, topics, ranges, frozenset(subjects)),
        subjects=frozenset(subjects),
        entities=frozenset(entities),
        houses=frozenset(houses),
        parties=_asked_person(site) if person else frozenset(),
        counties=frozenset(counties),
        event_ids=frozenset(event_ids),
        since_ms=_ms(since),
        until_ms=_ms(until),
        ranges=dict(ranges),
    )
    selection.require_possible()
    with _noted(site, reveal, operator, reason or "", selection) as noted:
        run = Run(site, selection, reveal, rate, scan)
        try:
            complete = run.into(path, form) if path else run.out(command, as_json)
        except CommandFailed as error:
            click.echo(shown(error), err=True)
            raise click.exceptions.Exit(1) from None
        finally:
            noted.records = run.given
    if not complete:
        again = spoken("stopped before the end: run it again, it goes on")
        click.echo(again if path else spoken("stopped before the end"), err=True)
        raise click.exceptions.Exit(1)


def _require_usage(
    path: Path | None, command: Sequence[str], as_json: bool, reveal: bool, reason: str | None
) -> None:
    if sum((path is not None, bool(command), as_json)) > 1:
        raise click.UsageError(spoken("choose one of --to, --json and a command"))
    if reveal != (reason is not None and bool(reason.strip())):
        raise click.UsageError(spoken("--reveal takes a --reason, and nothing else does"))
    if len(reason or "") > _MOST_REASON:
        raise click.UsageError(spoken("the reason has more than {most} characters", most=_MOST_REASON))


def _chosen_topics(
    site: Site,
    asked: Sequence[str],
    ranges: Sequence[tuple[TopicPartition, Span]],
    subjects: frozenset[str],
) -> tuple[str, ...]:
    known = [spec.name for spec in installation_topics(site.admin.installation()) if spec.kind in KINDS]
    in_ranges = tuple(dict.fromkeys(p.topic for p, _ in ranges))
    found = topics_of(known, asked or in_ranges or ("exchange.*",), subjects)
    if beyond := set(in_ranges) - set(found):
        raise click.UsageError(spoken("the ranges name {topic}, which is not chosen", topic=min(beyond)))
    return in_ranges or found


def _ms(moment: datetime | None) -> int | None:
    return None if moment is None else round(moment.timestamp() * 1000)


def _asked_person(site: Site) -> frozenset[str]:
    """The references of a person, whose number stands in no command line, which others can see."""
    settings = site.settings(OPERATOR, role=READER)
    ref = asked_document().ref(settings.party_key())
    try:
        return same_party(settings.dsn(), ref)
    except (Unavailable, AccessDenied, ConfigError) as error:
        click.echo(spoken("other numbers of this person are not known: {error}", error=error), err=True)
        return frozenset({ref})


@contextmanager
def _noted(
    site: Site, reveal: bool, operator: str | None, reason: str, selection: Selection
) -> Iterator[Revealing]:
    if not reveal:
        yield Revealing()
        return
    with written_down(site.admin.dsn(), operator or user(), reason, selection) as noted:
        yield noted
