"""The auditor's walk-through in docs/audit.md: every command as it stands there, and what it is said to print."""

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from broker.store.roles import AUDIT as ROLE
from broker.topics import AUDIT
from qianbei.inspect.lag import measure
from qianbei.services import SERVICES, child
from qianbei.site import environment_of
from qianbei.who.asking import behind
from tests.support.console import Shell, shell_environment, steps, told_apart
from tests.support.exchange import Exchange, until
from tests.support.newcomer import ROOT

PAGE = ROOT / "docs" / "audit.md"


@pytest.fixture
def signing(exchange: Exchange) -> Iterator[Exchange]:
    """The exchange with an audit reader that signs at once, where the page's reader would wait a minute."""
    often = exchange.site.admin.model_copy(update={"audit_checkpoint_s": 0.5})
    reader = child(replace(exchange.site, admin=often), SERVICES[AUDIT.removeprefix("qb-")], 0)
    exchange.supervisor.start(reader)
    exchange.supervisor.wait_ready(reader)
    yield exchange
    exchange.supervisor.stop(reader.name)


@pytest.fixture
def shell(signing: Exchange, tmp_path: Path) -> Iterator[Shell]:
    site = signing.site
    (tmp_path / "docs").symlink_to(ROOT / "docs")
    own = environment_of(site.admin) | {"QIANBEI_SECRETS": str(site.secrets), "QIANBEI_HOME": str(tmp_path)}
    with Shell(tmp_path, shell_environment(own, Path(sys.executable).parent)) as one:
        yield one


def settled(exchange: Exchange) -> None:
    """Wait for what the page's reader has by the time he types: all is routed, folded, indexed and signed."""
    site = exchange.site
    read = "SELECT count(*) > 0 FROM audit.position"
    signed = "SELECT bool_and(signed = number) FROM audit.head"
    with psycopg.connect(site.admin.dsn(), autocommit=True) as db:
        own = site.settings(AUDIT, role=ROLE)
        until("the services", lambda: measure(site).behind == 0)
        until("the audit reader", lambda: db.execute(read).fetchone() == (True,))
        until("the index", lambda: behind(own, db) == 0)
        until("checkpoints", lambda: db.execute(signed).fetchone() == (True,))


@pytest.mark.timeout(600)
def test_every_command_of_the_walk_prints_what_the_page_shows(signing: Exchange, shell: Shell) -> None:
    walk = steps(PAGE.read_text(encoding="utf-8"))
    assert len(walk) > 10
    for step in walk:
        printed = shell.run(step.command)
        if step.command.startswith(("qianbei publish", "qianbei audit")):
            settled(signing)
        differs = told_apart(step.shown, printed)
        assert differs is None, f"$ {step.command}\n{differs}\n--- printed:\n" + "\n".join(printed)
