"""Brings the database to the newest migration, with its slots and roles. Safe to repeat."""

from collections.abc import Mapping
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine
from sqlalchemy.engine import make_url

from broker.errors import ConfigError
from broker.store.connect import Connection, connected, translated
from broker.store.roles import ensure_roles
from schemas.said import said

MIGRATIONS = Path(__file__).parent / "migrations"
VERSION_TABLE = "schema_version"


def migrate(dsn: str, slots: int, roles: Mapping[str, str]) -> None:
    """Raises ConfigError if the exchange was made with another number of slots; else AccessDenied or Unavailable."""
    with translated(dsn), connected(dsn, "qianbei deploy") as db:
        _upgrade(dsn)
        _ensure_slots(db, slots)
        ensure_roles(db, roles)


def newest_migration() -> str:
    """The revision that the tables of this version have."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    newest = ScriptDirectory.from_config(config).get_current_head()
    assert newest is not None
    return newest


def present_migration(db: Connection) -> str | None:
    """The revision that the tables of a database have; None where nothing was deployed."""
    known = db.execute("SELECT to_regclass(%s) IS NOT NULL", (f"public.{VERSION_TABLE}",)).fetchone()
    assert known is not None
    if not known[0]:
        return None
    found = db.execute(f"SELECT version_num FROM public.{VERSION_TABLE}").fetchone()  # noqa: S608 - our own name
    return None if found is None else str(found[0])


def _upgrade(dsn: str) -> None:
    engine = create_engine(make_url(dsn).set(drivername="postgresql+psycopg"))
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    try:
        with engine.begin() as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
    finally:
        engine.dispose()


def _ensure_slots(db: Connection, slots: int) -> None:
    row = db.execute("SELECT count(*) FROM admission.slot").fetchone()
    present = row[0] if row else 0
    if present not in (0, slots):
        raise ConfigError(
            said(
                "this exchange was made with {present} slots and QIANBEI_SLOTS is {slots}: the "
                "number can never change, because it decides which house is decided where. Set "
                "QIANBEI_SLOTS={present}",
                present=present,
                slots=slots,
            )
        )
    if not present:
        db.execute("INSERT INTO admission.slot (slot) SELECT generate_series(0, %s)", (slots - 1,))
