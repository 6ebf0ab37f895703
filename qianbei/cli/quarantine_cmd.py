"""``quarantine``: what could not be decided on."""

import json
from collections.abc import Iterator
from contextlib import contextmanager

import click
from rich.console import Console
from rich.table import Table

from broker.admission.reasons import REASONS, Severity
from broker.kafka import PartitionReader
from broker.registry import Registry
from broker.topics import OPERATOR
from qianbei.inspect.quarantine import Quarantined, explanation, find, hex_dump, read_quarantine, topics_of
from qianbei.inspect.reading import AnyDecoder, printable, reader_of
from qianbei.site import current_site
from schemas.catalogue import load_catalogue

_REASONS = sorted(code for code, kind in REASONS.items() if kind.severity is Severity.QUARANTINE)


@click.group(name="quarantine")
def quarantine_command() -> None:
    """Records that could not be decided on: where they lay, why, and their bytes."""


@contextmanager
def _reading() -> Iterator[tuple[PartitionReader, AnyDecoder]]:
    site = current_site()
    with Registry(site.admin.registry_url) as registry, reader_of(site, OPERATOR) as reader:
        yield reader, AnyDecoder(registry)


@quarantine_command.command(name="list")
@click.option("--principal", help="Only what this principal sent.")
@click.option("--reason", type=click.Choice(_REASONS), help="Only this reason.")
@click.option("--json", "as_json", is_flag=True, help="JSON Lines.")
def list_command(principal: str | None, reason: str | None, as_json: bool) -> None:
    """List quarantined records. Example: qianbei quarantine list --reason MISROUTED"""
    principals = [principal] if principal else list(load_catalogue().principals)
    with _reading() as (reader, decoder):
        found = sorted(
            read_quarantine(reader, decoder, topics_of(reader, principals), reason),
            key=lambda one: one.recorded_at,
        )
    if as_json:
        for one in found:
            click.echo(json.dumps(one.as_dict(), ensure_ascii=False))
    else:
        Console().print(_table(found))


def _table(found: list[Quarantined]) -> Table:
    table = Table("place", "when", "reason", "bytes", "detail", caption=f"{len(found)} records")
    for one in found:
        table.add_row(
            one.place, one.recorded_at[:19], f"[red]{one.reason}[/]", str(one.size), printable(one.detail)
        )
    return table


@quarantine_command.command(name="show")
@click.argument("place")
@click.option("--json", "as_json", is_flag=True, help="One JSON object, with all bytes in base64.")
def show_command(place: str, as_json: bool) -> None:
    """Show the quarantined record that lay at PLACE in the intake, with its first 256 bytes.

    Example: qianbei quarantine show intake.bureau/2/118
    """
    with _reading() as (reader, decoder):
        found = find(reader, decoder, place)
    if as_json:
        click.echo(json.dumps(found.as_dict_in_full(), ensure_ascii=False))
    else:
        click.echo(_described(found))


def _described(one: Quarantined) -> str:
    explained = explanation(one.reason)
    headers = [f"  {printable(name)}: {_short(value)}" for name, value in one.headers]
    return "\n".join(
        [
            f"place     {one.place}",
            f"kept at   {one.kept_at}",
            f"when      {one.recorded_at}",
            f"reason    {one.reason}: {printable(one.detail)}",
            f"          {explained.zh}",
            f"          {explained.en}",
            f"sha-256   {one.sha256}",
            f"key       {_short(one.key)}",
            *(["headers", *headers] if headers else []),
            f"value     {'null' if one.value is None else f'{one.size} bytes'}",
            hex_dump(one.value or b""),
        ]
    )


def _short(value: bytes | None) -> str:
    return "null" if value is None else printable(value[:120].decode(errors="backslashreplace"))
