"""``quarantine``: what could not be decided on."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

import click
from rich.console import Console
from rich.table import Table

from broker.admission.opening import intake_decoder
from broker.kafka import PartitionReader
from broker.registry import Registry
from broker.replay.decoding import AnyDecoder
from broker.topics import OPERATOR, REDRIVE
from qianbei.cli.completing import principals as principals_of
from qianbei.cli.redrive_cmd import QUARANTINE_REASONS, redrive_command
from qianbei.inspect.quarantine import Quarantined, explanation, find, hex_dump, read_quarantine, topics_of
from qianbei.inspect.reading import printable, reader_of
from qianbei.language import headed, is_chinese, spoken
from qianbei.redrive.cases import Case
from qianbei.redrive.editing import as_event
from qianbei.redrive.gathering import as_operator, with_outcomes
from qianbei.site import current_site


@click.group(name="quarantine")
def quarantine_command() -> None:
    """Records that could not be decided on: where they lay, why, their bytes, and how they come in again.

    Example: qianbei quarantine list --principal bureau
    """


quarantine_command.add_command(redrive_command)


@contextmanager
def _reading() -> Iterator[tuple[PartitionReader, AnyDecoder]]:
    site = current_site()
    with Registry(site.admin.registry_url) as registry, reader_of(site, OPERATOR) as reader:
        yield reader, AnyDecoder(registry)


@quarantine_command.command(name="list")
@click.option("--principal", shell_complete=principals_of, help="Only what this principal sent.")
@click.option("--reason", type=click.Choice(QUARANTINE_REASONS), help="Only this reason.")
@click.option("--json", "as_json", is_flag=True, help="JSON Lines.")
def list_command(principal: str | None, reason: str | None, as_json: bool) -> None:
    """List quarantined records. Example: qianbei quarantine list --reason MISROUTED"""
    principals = (
        [principal] if principal else [*current_site().admin.installation().catalogue.principals, REDRIVE]
    )
    with _reading() as (reader, decoder):
        kept = sorted(
            read_quarantine(reader, decoder, topics_of(reader, principals)),
            key=lambda one: datetime.fromisoformat(one.recorded_at),
        )
        cases = _by_place(reader, kept)
    found = [one for one in kept if reason in (None, one.reason)]
    if as_json:
        for one in found:
            click.echo(json.dumps(one.as_dict() | {"redrive": _told(cases, one)}, ensure_ascii=False))
    else:
        Console().print(_table(found, cases))


def _by_place(reader: PartitionReader, found: list[Quarantined]) -> dict[str, Case]:
    """What became of all that their principals have in quarantine when it was sent in again, by places."""
    cases = with_outcomes(
        reader, found, as_operator(current_site()), current_site().admin.installation().catalogue
    )
    return {one.place: case for case in cases for one in case.held}


def _told(cases: dict[str, Case], one: Quarantined) -> dict[str, object] | None:
    case = cases.get(one.place)
    return None if case is None else case.as_dict()


def _state(case: Case | None) -> str:
    if case is None:
        return ""
    return case.settled.outcome if case.settled else case.state.value


def _table(found: list[Quarantined], cases: dict[str, Case]) -> Table:
    table = headed(
        "place",
        "when",
        "reason",
        "bytes",
        "redriven",
        "detail",
        caption=spoken("{count} records", count=len(found)),
    )
    for one in found:
        state = _state(cases.get(one.place))
        table.add_row(
            one.place,
            one.recorded_at[:19],
            f"[red]{one.reason}[/]",
            str(one.size),
            state,
            _detail(one),
        )
    return table


def _detail(one: Quarantined) -> str:
    # What is stored is English; what the reason means is known in both languages.
    meaning = f"{explanation(one.reason).zh} " if is_chinese() else ""
    return meaning + printable(one.detail)


@quarantine_command.command(name="show")
@click.argument("place")
@click.option("--json", "as_json", is_flag=True, help="One JSON object, with all bytes in base64.")
@click.option("--event", "as_event_", is_flag=True, help="The event in JSON form, to be edited.")
@click.option("--bytes", "as_bytes", is_flag=True, help="The bytes as they are.")
def show_command(place: str, as_json: bool, as_event_: bool, as_bytes: bool) -> None:
    """Show the quarantined record that lay at PLACE in the intake, with its first 256 bytes.

    \b
    Example: qianbei quarantine show intake.bureau/2/118
             qianbei quarantine show intake.bureau/2/118 --event > event.json
    """
    if as_json + as_event_ + as_bytes > 1:
        raise click.UsageError(spoken("choose one of --json, --event and --bytes"))
    with _reading() as (reader, decoder):
        found = find(reader, decoder, place)
        kept = list(read_quarantine(reader, decoder, topics_of(reader, [found.principal])))
        case = _by_place(reader, kept).get(place)
        event = (
            as_event(found, intake_decoder(decoder.registry, current_site().admin.installation().catalogue))
            if as_event_
            else None
        )
    if as_bytes:
        click.echo(found.value or b"", nl=False)
    elif as_event_:
        click.echo(json.dumps(event, ensure_ascii=False, indent=2))
    elif as_json:
        told = case.as_dict() if case else None
        click.echo(json.dumps(found.as_dict_in_full() | {"redrive": told}, ensure_ascii=False))
    else:
        click.echo(_described(found, case))


def _redrives(case: Case | None) -> list[str]:
    """What became of it when it was sent in again."""
    if case is None:
        return []
    tried = [
        spoken(
            "          {at} by {operator}: {reason} ({place})",
            at=one.redriven.at.isoformat()[:19],
            operator=printable(one.redriven.operator),
            reason=printable(one.redriven.reason),
            place=one.place,
        )
        for one in case.attempts
    ]
    decided = spoken(", decision {decision_id}", decision_id=case.settled.decision_id) if case.settled else ""
    return [spoken("redriven  {state}{decided}", state=_state(case), decided=decided), *tried]


def _described(one: Quarantined, case: Case | None) -> str:
    explained = explanation(one.reason)
    headers = [f"  {printable(name)}: {_short(value)}" for name, value in one.headers]
    return "\n".join(
        [
            spoken("place     {place}", place=one.place),
            spoken("kept at   {place}", place=one.kept_at),
            spoken("when      {time}", time=one.recorded_at),
            spoken("reason    {code}: {detail}", code=one.reason, detail=printable(one.detail)),
            f"          {explained.zh}",
            f"          {explained.en}",
            *_redrives(case),
            f"sha-256   {one.sha256}",
            spoken("key       {key}", key=_short(one.key)),
            *([spoken("headers"), *headers] if headers else []),
            spoken("value     null")
            if one.value is None
            else spoken("value     {size} bytes", size=one.size),
            hex_dump(one.value or b""),
        ]
    )


def _short(value: bytes | None) -> str:
    return "null" if value is None else printable(value[:120].decode(errors="backslashreplace"))
