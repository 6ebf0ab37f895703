"""This machine: Python, disk, secrets, certificates."""

import platform
import shutil
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509

from broker.settings import Settings
from qianbei.doctor.finding import Finding, fail, ok, some, warn
from qianbei.stack.line import FOLDER, keystore_name
from schemas.said import Said, said

OLDEST_PYTHON = (3, 11)
GIB = 1024**3
LITTLE_FREE, TOO_LITTLE_FREE = 10 * GIB, 2 * GIB
SOON = timedelta(days=30)
PUBLIC_KEY = ".pub"
"""The one kind of file among the secrets that is made to be read by others."""


def look(settings: Settings, home: Path, secrets: Path) -> Iterator[Finding]:
    """Needs no server."""
    yield judge_python(sys.version_info[:2])
    if home.exists():
        yield judge_disk(shutil.disk_usage(home).free, home)
    private = (path for path in secrets.rglob("*") if path.is_file() and path.suffix != PUBLIC_KEY)
    yield judge_secrets({str(path) for path in private if is_open(path)})
    for name in ("kafka_cafile", "kafka_certfile", "api_certfile"):
        path = getattr(settings, name)
        if path is not None:
            yield from judge_certificates(name, path, datetime.now(UTC))
    yield from judge_line(secrets)


def is_open(path: Path) -> bool:
    """Whether others than its owner may read a file."""
    return bool(path.stat().st_mode & 0o077)


def judge_python(version: tuple[int, ...]) -> Finding:
    """Major and minor."""
    if version < OLDEST_PYTHON:
        return fail(said("python"), platform.python_version(), said("install Python 3.11 or newer"))
    return ok(said("python"), platform.python_version())


def judge_disk(free: int, where: Path) -> Finding:
    """``free`` in bytes. A full disk stops Kafka, and all that is written to it."""
    told = said("{free:.1f} GiB free at {where}", free=free / GIB, where=where)
    how = said("free some space, or move QIANBEI_HOME to a larger disk")
    if free < TOO_LITTLE_FREE:
        return fail(said("disk"), told, how)
    return warn(said("disk"), told, how) if free < LITTLE_FREE else ok(said("disk"), told)


def judge_secrets(readable: set[str]) -> Finding:
    """Passwords and keys are their owner's alone."""
    if readable:
        return fail(
            said("secrets"),
            said("others may read {readable}", readable=some(readable)),
            said("chmod -R go= the folder; change those passwords"),
        )
    return ok(said("secrets"), said("only their owner may read them"))


def judge_certificates(check: str, path: Path, now: datetime, mend: Said | None = None) -> Iterator[Finding]:
    """Every certificate of a PEM file; ``mend`` is what to do about a file that is none, where no variable names it."""
    try:
        found = x509.load_pem_x509_certificates(path.read_bytes())
    except (OSError, ValueError) as error:
        yield fail(
            check,
            said("{path} cannot be read as PEM ({kind})", path=path, kind=type(error).__name__),
            mend or said("mend QIANBEI_{upper}", upper=check.upper()),
        )
        return
    for one in found:
        named = f"{path.name} ({one.subject.rfc4514_string()})"
        yield judge_expiry(check, named, one.not_valid_after_utc, now)


def judge_line(secrets: Path) -> Iterator[Finding]:
    """Every certificate of the dedicated line that lies here."""
    paths = sorted((secrets / FOLDER).glob("*.pem"))
    told_by = {path.with_name(keystore_name(path.stem)) for path in paths}
    for path in paths:
        if path not in told_by:  # A keystore holds what lies beside it; one's own may lie there alone.
            yield from judge_certificates(said("line"), path, datetime.now(UTC), said("issue it anew"))


def judge_expiry(name: str, subject: str, ends: datetime, now: datetime) -> Finding:
    """A certificate that ends soon is renewed now."""
    told = said("{subject} is valid until {ends:%Y-%m-%d}", subject=subject, ends=ends)
    how = said("have it renewed, put the new file in its place, and start again who uses it")
    if ends <= now:
        return fail(name, told, how)
    return warn(name, told, how) if ends - now < SOON else ok(name, told)
