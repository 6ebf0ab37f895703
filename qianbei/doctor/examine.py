"""All checks, one after the other; a server that is away is a finding, and the others are still looked at."""

from collections.abc import Callable, Iterator
from pathlib import Path

from broker.errors import QianbeiError
from qianbei.doctor import database, kafka, machine, schemas, services
from qianbei.doctor.finding import Finding, fail
from qianbei.site import Site
from schemas.said import said


def examine(site: Site, home: Path) -> Iterator[Finding]:
    """Everything that is found of a site."""
    settings = site.admin
    looks: dict[str, Callable[[], Iterator[Finding]]] = {
        "machine": lambda: machine.look(settings, home, site.secrets),
        "kafka": lambda: kafka.look(settings),
        "registry": lambda: schemas.look(settings),
        "postgres": lambda: database.look(settings),
        "services": lambda: services.look(site, home),
    }
    for name, look in looks.items():
        try:
            yield from look()
        except QianbeiError as error:
            yield fail(name, str(error), said("mend this first, then run `qianbei doctor` again"))
