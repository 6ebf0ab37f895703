"""``line``: certificates of the dedicated line, for sandboxes and tests."""

import json
from pathlib import Path

import click

from qianbei.cli.completing import principals
from qianbei.line import DAYS, issue, make_ca, require_issuable
from qianbei.site import known_catalogue, secrets_from_env
from qianbei.stack import home_from_env
from qianbei.stack.line import FOLDER

_json = click.option("--json", "as_json", is_flag=True, help="One JSON object.")


@click.group(name="line")
def line_command() -> None:
    """Certificates of the dedicated line. For sandboxes: production uses an authority of its own (docs/connect/line.md).

    Example: qianbei line ca
    """


@line_command.command(name="ca")
@_json
def ca_command(as_json: bool) -> None:
    """Make a small certificate authority in the secrets' folder. Example: qianbei line ca"""
    made = make_ca(_folder())
    click.echo(json.dumps({"cafile": str(made)}) if as_json else made)


@line_command.command(name="issue")
@click.argument("name", shell_complete=principals)
@click.option(
    "--host", "hosts", multiple=True, help="For the name `server`: what clients know it by; several times."
)
@click.option(
    "--days", type=click.IntRange(1, 825), default=DAYS, show_default=True, help="How long it is valid."
)
@click.option(
    "--into", type=click.Path(file_okay=False, path_type=Path), help="Another folder for the files."
)
@_json
def issue_command(name: str, hosts: tuple[str, ...], days: int, into: Path | None, as_json: bool) -> None:
    """Issue a certificate for a principal NAME, or for the listener itself, which is called `server`.

    \b
    Example: qianbei line issue server --host 127.0.0.1 --host localhost
             qianbei line issue tax
    """
    require_issuable(name, hosts, known_catalogue())
    made = issue(_folder(), name, hosts=hosts, days=days, into=into)
    if as_json:
        paths = {"certfile": made.certfile, "keyfile": made.keyfile, "keystore": made.keystore}
        click.echo(json.dumps({kind: str(path) for kind, path in paths.items()}))
    else:
        for path in (made.certfile, made.keyfile, made.keystore):
            click.echo(path)


def _folder() -> Path:
    return secrets_from_env(home_from_env()) / FOLDER
