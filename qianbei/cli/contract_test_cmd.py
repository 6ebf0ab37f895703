"""``contract-test``: an agency's own program, judged from outside."""

import json

import click
from rich.console import Console
from rich.table import Table

from qianbei.cli.completing import departments
from qianbei.cli.completing import topics as topic_names
from qianbei.contract.judge import Expectation
from qianbei.contract.records import granted_to
from qianbei.contract.run import Terms, contract_test
from qianbei.demo.run import throw_away_exchange
from qianbei.language import headed, spoken
from schemas.said import shown


@click.command(name="contract-test", context_settings={"ignore_unknown_options": True})
@click.argument("department", shell_complete=departments)
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED)
@click.option(
    "--topic",
    "topics",
    multiple=True,
    shell_complete=topic_names,
    help="Only this topic; may be repeated. Default: all of the department.",
)
@click.option(
    "--seconds",
    type=click.FloatRange(1),
    default=60.0,
    show_default=True,
    help="To hold what was sent, each time.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def contract_test_command(
    department: str, command: tuple[str, ...], topics: tuple[str, ...], seconds: float, as_json: bool
) -> None:
    """Feed a program of DEPARTMENT with golden and edge records, kill it, start it again, and say what it got wrong.

    The program is given the variables of `qianbei connection`, in QIANBEI_PROPERTIES the file for Java, and in
    QIANBEI_DEPT_TOPICS the topics to read. After each record it prints what it now holds of that entity as one JSON line:
    {"entity_id": "…", "revision": 3}. A real broker is started for it, and nothing is left at the end. Ends with 1 if an
    expectation is not met.

    \b
    Example: qianbei contract-test tax -- python samples/python/plain.py
             qianbei contract-test court --topic dept.court.sale.v1 -- ./reader
    """
    granted_to(department, topics)
    console = Console(stderr=True)
    with throw_away_exchange(console.print, services=False) as site:
        found = contract_test(site, Terms(department, topics, command, seconds))
    if as_json:
        click.echo(json.dumps({one.name: one.wrong or "met" for one in found}, ensure_ascii=False))
    else:
        Console().print(_table(department, found))
    if not all(one.met for one in found):
        raise click.exceptions.Exit(1)


def _table(department: str, found: list[Expectation]) -> Table:
    met = sum(one.met for one in found)
    table = headed(
        "expected",
        "",
        "found",
        title=spoken(
            "{department}: {met} of {count} expectations met",
            department=department,
            met=met,
            count=len(found),
        ),
    )
    for one in found:
        state = f"[green]{spoken('met')}[/]" if one.met else f"[red]{spoken('not met')}[/]"
        table.add_row(shown(one.name), state, shown(one.wrong or ""))
    return table
