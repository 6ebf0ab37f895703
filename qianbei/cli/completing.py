"""What a shell completes: names of the catalogue, the site's own included. No server is asked.

A parameter that takes such a name says so with ``shell_complete=principals`` (or ``departments``, ``topics``).
"""

from collections.abc import Iterable

import click

from broker.deploy import installation_topics
from qianbei.site import known_installation


def principals(_ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[str]:
    """Those who send."""
    return _beginning(incomplete, known_installation().catalogue.members)


def departments(_ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[str]:
    """Those who receive."""
    return _beginning(incomplete, {one.department for one in known_installation().grants})


def topics(_ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[str]:
    """All topics of the exchange."""
    return _beginning(incomplete, (topic.name for topic in installation_topics(known_installation())))


def _beginning(incomplete: str, names: Iterable[str]) -> list[str]:
    return sorted(name for name in names if name.startswith(incomplete))
