"""``doctor``: is this installation as it should be, and how is it mended?"""

import json

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from qianbei.doctor.examine import examine
from qianbei.doctor.finding import Finding, Level
from qianbei.language import headed
from qianbei.site import current_site
from qianbei.stack import home_from_env
from schemas.said import said, shown

_COLOURS = {Level.OK: "green", Level.WARN: "yellow", Level.FAIL: "red"}
_LEVELS = {Level.OK: said("ok"), Level.WARN: said("warn"), Level.FAIL: said("fail")}


@click.command(name="doctor")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def doctor_command(as_json: bool) -> None:
    """Examine this installation, and say how each finding is mended. Changes nothing.

    Looks at servers, clocks, versions, disk, secrets, certificates, topics, rights, schemas, migrations and lag. Ends
    with 1 if something fails.

    Example: qianbei doctor --json
    """
    found = list(examine(current_site(), home_from_env()))
    if as_json:
        click.echo(json.dumps({"findings": [one.as_dict() for one in found]}, ensure_ascii=False))
    else:
        Console().print(_table(found))
    if any(one.level is Level.FAIL for one in found):
        raise click.exceptions.Exit(1)


def _table(found: list[Finding]) -> Table:
    table = headed("", "check", "found", "how to mend")
    for one in found:
        table.add_row(
            f"[{_COLOURS[one.level]}]{shown(_LEVELS[one.level])}[/]",
            shown(one.check),
            escape(shown(one.what)),
            escape(shown(one.how)),
        )
    return table
