"""``backfill``: a department's topics filled from history, and joined to the live stream."""

import json
import threading
from dataclasses import asdict

import click

from broker.backfill.run import RATE, Filled, backfill
from broker.errors import ConfigError
from broker.kafka import Connection
from broker.keys.keyring import Keyring
from broker.registry import Registry
from broker.topics import FILLER
from qianbei.cli.completing import departments
from qianbei.cli.progress import bar, say
from qianbei.language import spoken
from qianbei.services import stopping
from qianbei.site import Site, current_site
from schemas.entitlements import Grant
from schemas.said import said


@click.command(name="backfill")
@click.argument("department", shell_complete=departments)
@click.option("--subject", metavar="SUBJECT", help="The topics of this subject alone.")
@click.option(
    "--rate",
    type=click.IntRange(1, 1_000_000),
    default=RATE,
    show_default=True,
    help="Exchange records a second at most, so that live records keep their speed.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def backfill_command(department: str, subject: str | None, rate: int, as_json: bool) -> None:
    """Fill a department's new topics from history, and join them to the live stream without a gap or a duplicate.

    Those are the topics that were granted with --backfill, or deployed while their exchange topic had records. It may be
    stopped, killed and run again at any time, beside running services: it goes on where it was. Ends when routing has
    taken over every partition; with 1 if it was stopped before, or another run goes on in its place.

    Example: qianbei backfill water --subject sale
    """
    site = current_site()
    grants = _grants(site, department, subject)
    stop = threading.Event()
    settings = site.settings(FILLER)
    with (
        stopping(stop),
        bar(spoken("filling")) as tell,
        Registry(site.admin.registry_url) as registry,
        Keyring.of(settings) as keyring,
    ):
        found = backfill(
            Connection.of(settings),
            registry,
            grants,
            keyring.open,
            rate=rate,
            stop=stop,
            tell=tell,
            say=say,
        )
    _tell(found, as_json)
    if not found.joined:
        raise click.exceptions.Exit(1)


def _grants(site: Site, department: str, subject: str | None) -> list[Grant]:
    """What the department is entitled to, of this subject or of all. Raises ConfigError if that is nothing."""
    grants = [g for g in site.admin.installation().grants if g.department == department]
    if not grants:
        raise ConfigError(
            said("{department} is entitled to nothing: see `qianbei principals`", department=department)
        )
    wanted = [g for g in grants if subject in (None, g.subject)]
    if not wanted:
        raise ConfigError(
            said(
                "{department} is entitled to no {subject}; to {subjects}",
                department=department,
                subject=subject,
                subjects=", ".join(sorted({g.subject for g in grants})),
            )
        )
    return wanted


def _tell(found: Filled, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(asdict(found)))
        return
    click.echo(
        spoken(
            "{topics}: {read:,} exchange records read, {written:,} written by this run",
            topics=", ".join(found.topics),
            read=found.read,
            written=found.written,
        )
    )
    if not found.joined:
        click.echo(spoken("stopped before the end: run it again, it goes on"), err=True)
