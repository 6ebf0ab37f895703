"""The progress of long work, on the standard error output."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from schemas.said import shown


def say(message: str) -> None:
    """Tell what is being done."""
    click.echo(shown(message), err=True)


@contextmanager
def bar(what: str) -> Iterator[Callable[[int, int], None]]:
    """A bar named ``what``; the function is told how much is done, of how much."""
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task(what, total=None)
        yield lambda done, of: progress.update(task, completed=done, total=of)
