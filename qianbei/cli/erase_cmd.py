"""``erase``: a person's right to be forgotten, as far as the law lets."""

import json
import sys

import click
from rich.console import Console

from qianbei.cli.acts import act_of, user
from qianbei.cli.document import asked_document
from qianbei.cli.progress import bar
from qianbei.erasure.erasing import Erased, erase
from qianbei.language import headed, spoken
from qianbei.site import current_site


@click.command(name="erase")
@click.option("--reason", help="Why, in your words; kept, so name no person.")
@click.option("--operator", default=user, show_default="you", help="Who does it; kept.")
@click.option("--dry-run", is_flag=True, help="Only say what stands against it, and where copies are.")
@click.option("--yes", is_flag=True, help="Do not ask once more.")
@click.option(
    "--wait", default=120.0, show_default=True, help="Seconds to wait for services that are behind."
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def erase_command(
    reason: str | None, operator: str, dry_run: bool, yes: bool, wait: float, as_json: bool
) -> None:
    """Erase a person: his name, number, phone and address, wherever the exchange has them and may let them go.

    Kind and number of his document are asked for, or read from the standard input: never an argument, which others
    could see.

    Refused while a record that names the person stands or must be kept (policy/retention.yaml). Otherwise every record that
    names him gets a revision without him, departments included, his keys are destroyed, so that what is encrypted under
    them cannot be read any more, and the copies that are left are listed, with the day on which they go. There is no way
    back: restore no older copy of the table keys.person_key, and let its backups expire.

    Ends with 1 if it was refused, or if copies in clear are left for ever.

    \b
    Example: qianbei erase --dry-run
             qianbei erase --reason "request 4711 of the data protection officer"
    """
    if not dry_run and not reason:
        raise click.UsageError(spoken("say why with --reason, or look first with --dry-run"))
    person = asked_document()
    if not dry_run and not yes and sys.stdin.isatty():
        click.confirm(spoken("There is no way back. Erase this person?"), abort=True, err=True)
    act = None if dry_run else act_of(operator, reason or "")
    with bar(spoken("reading the topics")) as tell:
        found = erase(current_site(), person, act, tell, patience_s=wait)
    if as_json:
        click.echo(json.dumps(found.as_dict(), ensure_ascii=False))
    else:
        _show(found, dry_run=dry_run)
    if found.grounds or any(copy.until is None for copy in found.copies):
        raise click.exceptions.Exit(1)


def _show(found: Erased, *, dry_run: bool) -> None:
    console = Console()
    if found.grounds:
        table = headed("record", "kept until", "legal basis")
        for ground in found.grounds:
            until = ground.until.isoformat() if ground.until else spoken("it ends")
            table.add_row(f"{ground.subject}/{ground.entity_id}", until, ground.legal_basis or "")
        console.print(table)
        click.echo(spoken("refused: the law needs these records. Nothing was destroyed"), err=True)
        return
    if dry_run:
        said = spoken(
            "nothing stands against it: {records} records name the person, {sealed} in the log would become unreadable",
            records=len(found.records),
            sealed=found.sealed,
        )
    else:
        said = spoken(
            "erased from {records} records; {keys} keys destroyed, {sealed} records in the log cannot be read any more",
            records=len(found.records),
            keys=found.keys,
            sealed=found.sealed,
        )
    click.echo(said)
    if found.copies:
        table = headed("copies in clear that are left", "records", "until")
        for copy in found.copies:
            until = copy.until.date().isoformat() if copy.until else spoken("for ever")
            table.add_row(copy.topic, f"{copy.records:,}", until)
        console.print(table)
    click.echo(
        spoken(
            "Not counted: what departments keep themselves, files of batches, backups. Let backups of keys.person_key expire"
        ),
        err=True,
    )
