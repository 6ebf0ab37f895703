"""What a shell completes: names of the catalogue. No server is asked.

A parameter that takes such a name says so with ``shell_complete=principals`` (or ``departments``, ``topics``).
"""

from collections.abc import Iterable

import click

from broker.topics import topic_catalogue
from schemas.catalogue import load_catalogue
from schemas.entitlements import load_entitlements


def principals(_ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[str]:
    """Those who send."""
    return _beginning(incomplete, load_catalogue().principals)


def departments(_ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[str]:
    """Those who receive."""
    return _beginning(incomplete, {name for one in load_entitlements() for name in one.departments})


def topics(_ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[str]:
    """All topics of the exchange."""
    named = topic_catalogue(load_catalogue(), load_entitlements())
    return _beginning(incomplete, (topic.name for topic in named))


def _beginning(incomplete: str, names: Iterable[str]) -> list[str]:
    return sorted(name for name in names if name.startswith(incomplete))
