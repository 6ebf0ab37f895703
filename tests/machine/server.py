"""A real Postgres for the histories: the one that the environment names, else the embedded one, alone."""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from psycopg import sql

from broker.store.connect import connected
from broker.store.migrate import _ensure_slots, _upgrade
from qianbei.stack import Lifetime, Supervisor, passwords, ports, postgres
from qianbei.stack.commands import run_all
from qianbei.stack.home import Home
from tests.machine.people import SLOTS

DATABASE = "qianbei_machine"


@contextmanager
def postgres_server(folder: Path) -> Iterator[str]:
    """The superuser's DSN of a server."""
    if "QIANBEI_POSTGRES_DSN" in os.environ:
        yield os.environ["QIANBEI_POSTGRES_DSN"]
        return
    home = Home(folder)
    home.prepare()
    known, chosen = passwords.load_or_make(home), ports.load_or_choose(home.ports)
    postgres.prepare(home)
    if not postgres.is_initialised(home):
        run_all([postgres.init_command(home, known)])
    postgres.forget_password_file(home)
    supervisor = Supervisor(home.run, home.log, Lifetime.PARENT)
    child = postgres.child(home, chosen)
    supervisor.start(child)
    try:
        supervisor.wait_ready(child)
        yield postgres.dsn(chosen, known, "postgres")
    finally:
        supervisor.stop(child.name)


@contextmanager
def empty_database(server_dsn: str) -> Iterator[str]:
    """A database with the exchange's tables, dropped at the end. Its commits do not wait for the disk."""
    name = sql.Identifier(f"{DATABASE}_{secrets.token_hex(4)}")
    with psycopg.connect(server_dsn, autocommit=True) as server:
        server.execute(sql.SQL("CREATE DATABASE {}").format(name))
        server.execute(sql.SQL("ALTER DATABASE {} SET synchronous_commit = off").format(name))
        try:
            dsn = psycopg.conninfo.make_conninfo(server_dsn, dbname=name.as_string().strip('"'))
            url = _url(dsn)
            # Not ``migrate``: that also sets the passwords of roles, which other exchanges on this server may use.
            _upgrade(url)
            with connected(url, "tests") as db:
                _ensure_slots(db, SLOTS)
            yield url
        finally:
            server.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(name))


def _url(dsn: str) -> str:
    told = psycopg.conninfo.conninfo_to_dict(dsn)
    return f"postgresql://{told['user']}:{told['password']}@{told['host']}:{told['port']}/{told['dbname']}"
