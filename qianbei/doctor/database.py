"""Postgres: version, migrations, and its clock beside this machine's."""

import time
from collections.abc import Iterator

from broker.settings import Settings, server_of
from broker.store.connect import Connection, connected, translated
from broker.store.migrate import newest_migration, present_migration
from qianbei.doctor.finding import Finding, fail, ok, warn
from qianbei.doctor.kafka import DEPLOY
from schemas.said import said

OLDEST = 14
SKEW_S = 2.0
MUCH_SKEW_S = 60.0


def look(settings: Settings) -> Iterator[Finding]:
    """Raises Unavailable, AccessDenied or ConfigError if Postgres cannot be asked."""
    dsn = settings.dsn()
    with translated(dsn), connected(dsn, "qianbei doctor") as db:
        begun = time.time()
        row = db.execute(
            "SELECT current_setting('server_version_num')::int, extract(epoch FROM clock_timestamp())::float8"
        ).fetchone()
        ended = time.time()
        assert row is not None
        version, clock = row
        migration = present_migration(db)
        keys = _live_keys(db) if migration == newest_migration() else 0
    yield ok(said("postgres"), said("answers at {dsn}", dsn=server_of(dsn)))
    yield judge_version(int(str(version)))
    yield judge_clock(float(str(clock)) - (begun + ended) / 2, said("Postgres"))
    yield judge_migration(migration, newest_migration())
    yield judge_encryption(settings.encryption, keys)


def _live_keys(db: Connection) -> int:
    row = db.execute("SELECT count(*) FROM keys.person_key WHERE retired_at IS NULL").fetchone()
    assert row is not None
    return int(str(row[0]))


def judge_version(number: int) -> Finding:
    """``number`` as ``server_version_num``: 180001 is 18.1."""
    found = f"{number // 10_000}.{number % 10_000}"
    if number < OLDEST * 10_000:
        return fail(
            said("postgres version"), found, said("move to Postgres {oldest} or newer", oldest=OLDEST)
        )
    return ok(said("postgres version"), found)


def judge_clock(ahead_s: float, whose: str) -> Finding:
    """A decision's time is this machine's: two clocks that differ tell a story out of order."""
    check, skew = said("clock of {whose}", whose=whose), abs(ahead_s)
    told = said("{skew:.1f} s ahead", skew=skew) if ahead_s > 0 else said("{skew:.1f} s behind", skew=skew)
    how = said("set both clocks by the same NTP servers (chronyc tracking)")
    if abs(ahead_s) > MUCH_SKEW_S:
        return fail(check, told, how)
    return warn(check, told, how) if abs(ahead_s) > SKEW_S else ok(check, told)


def judge_encryption(setting: str, live_keys: int) -> Finding:
    """Whoever once encrypted hardly means to write in clear again: the setting is of the environment, and easily forgotten."""
    if setting == "off" and live_keys:
        return warn(
            said("encryption"),
            said(
                "is off, though {live_keys} keys are in use: new values are written in clear",
                live_keys=live_keys,
            ),
            said("set QIANBEI_ENCRYPTION where admission is started, and start it anew"),
        )
    return ok(said("encryption"), setting)


def judge_migration(found: str | None, newest: str) -> Finding:
    """The tables are those of this version."""
    if found != newest:
        return fail(
            said("migrations"),
            said(
                "the tables are at {found}, this version needs {newest}",
                found=found or said("nothing"),
                newest=newest,
            ),
            DEPLOY,
        )
    return ok(said("migrations"), newest)
