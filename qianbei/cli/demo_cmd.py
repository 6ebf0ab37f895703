"""``demo`` and ``simulate``: a city's filings, driven through a real exchange."""

import json
import sys
import time

import click
from rich.console import Console

from qianbei.cli.explain_cmd import show as show_story
from qianbei.demo.result import Result, show
from qianbei.demo.run import DEFAULT_RATE, count, run_city, story_of_a_house, throw_away_exchange
from qianbei.language import spoken
from qianbei.site import current_site
from schemas.said import shown

_seed = click.option(
    "--seed", type=click.IntRange(0), default=2021, show_default=True, help="The same seed, the same city."
)
_rate = click.option(
    "--rate",
    type=click.FloatRange(0),
    default=DEFAULT_RATE,
    show_default=True,
    help="Events a second; 0 for as fast as it goes.",
)
_json = click.option(
    "--json", "as_json", is_flag=True, help="The result as one JSON object on the last line of the output."
)


@click.command()
@_seed
@click.option("--events", type=click.IntRange(1), default=20_000, show_default=True)
@_rate
@_json
@click.option("--keep", is_flag=True, help="Keep the folder with data and logs.")
def demo(seed: int, events: int, rate: float, as_json: bool, keep: bool) -> None:
    """Start a whole exchange, drive a simulated city through it, show and verify what came out, stop everything.

    Example: qianbei demo --seed 7 --events 5000
    """
    console = _console(as_json)
    begun = time.monotonic()

    def say(message: str) -> None:
        console.print(shown(message))

    with throw_away_exchange(say, keep=keep) as site:
        ledger = run_city(site, seed, events, rate or None, console)
        result = count(site, ledger, begun, say)
        _print(result, console, as_json)
        if told := story_of_a_house(site):
            console.rule(spoken("qianbei explain: the story of one house"), align="left")
            show_story(told, console)
        console.print(spoken("stopping everything"))
    console.print(spoken("done in {seconds:.0f} s", seconds=time.monotonic() - begun))
    if as_json:
        click.echo(json.dumps(result.as_dict(), ensure_ascii=False))
    if not result.ok:
        raise click.exceptions.Exit(1)


@click.command()
@_seed
@click.option("--events", type=click.IntRange(1), default=2_000, show_default=True)
@_rate
@_json
def simulate(seed: int, events: int, rate: float, as_json: bool) -> None:
    """Drive a simulated city through an exchange that is already up, and wait until all of it is handled.

    Example: qianbei up && qianbei simulate --seed 3 --events 1000
    """
    console = _console(as_json)
    ledger = run_city(current_site(), seed, events, rate or None, console)
    dirt = dict(sorted(ledger.dirt_counts().items()))
    console.print(
        spoken(
            "{total:,} events sent and handled; of these on purpose wrong: {wrong:,}",
            total=ledger.total,
            wrong=sum(dirt.values()),
        )
    )
    if as_json:
        click.echo(json.dumps({"events": ledger.total, "dirt": dirt}))


def _console(as_json: bool) -> Console:
    # The last line of the output is the JSON object, so everything for people goes beside it.
    return Console(file=sys.stderr if as_json else sys.stdout)


def _print(result: Result, console: Console, as_json: bool) -> None:
    if not as_json:
        show(result, console)
