"""The one directory that holds all state of an embedded stack (`QIANBEI_HOME`, default `./.qianbei`).

    lock            held while somebody starts or stops the stack
    ready.json      the marker, written last on the first start; without it the data were never in use
    ports.json      ports, chosen once
    secrets/        0700: secrets.json (0600) with the generated passwords
    conf/           0700: generated configuration, written anew at each start (holds passwords: files 0600)
    run/            one pid record a child
    log/            one log a child, and the log of its start before (`.1`)
    entitlements/   the site's own principals and departments (`qianbei grant`)
    tmp/            what the Java servers would else put into /tmp under names that all users share
    data/           kafka/, postgres/, registry/

The default is beside the caller's work, not in the user's home, so that two checkouts never share a stack.
"""

import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from qianbei.stack.errors import StackError
from schemas.said import said

DEFAULT_HOME = Path(".qianbei")
FORMAT = 1


def home_from_env(environ: Mapping[str, str] = os.environ) -> Path:
    """`QIANBEI_HOME`, else `./.qianbei`; always absolute."""
    return Path(environ.get("QIANBEI_HOME") or DEFAULT_HOME).expanduser().absolute()


def write_private(path: Path, text: str) -> None:
    """Replace `path` in one step; nobody else can read it at any time."""
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


def read_json(path: Path) -> dict[str, Any] | None:
    """The object in `path`; None if there is no such file. A file that holds anything else is a
    `StackError`."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (json.JSONDecodeError, UnicodeDecodeError):
        found = None
    if not isinstance(found, dict):
        raise StackError(
            said("a state file of the stack is damaged"),
            str(path),
            said("restore it, or remove the whole home"),
        )
    return found


@dataclass(frozen=True)
class Home:
    """The places in one home. Making one touches nothing; `prepare` makes the directories."""

    root: Path

    @property
    def lock(self) -> Path:
        return self.root / "lock"

    @property
    def marker(self) -> Path:
        return self.root / "ready.json"

    @property
    def ports(self) -> Path:
        return self.root / "ports.json"

    @property
    def secrets(self) -> Path:
        return self.root / "secrets" / "secrets.json"

    @property
    def conf(self) -> Path:
        return self.root / "conf"

    @property
    def run(self) -> Path:
        return self.root / "run"

    @property
    def log(self) -> Path:
        return self.root / "log"

    @property
    def entitlements(self) -> Path:
        return self.root / "entitlements"

    @property
    def tmp(self) -> Path:
        return self.root / "tmp"

    @property
    def data(self) -> Path:
        return self.root / "data"

    def prepare(self) -> None:
        """Make the directories. Only `root` and `data` can be entered by others (and not listed), and only
        when we are root: the server of Postgres then runs as another user and must reach its own
        directory."""
        shared = 0o711 if os.geteuid() == 0 else 0o700
        if "," in str(self.root):
            raise StackError(
                said("the home's path has a comma, which Kafka takes for a list"),
                str(self.root),
                said("choose another"),
            )
        self.root.mkdir(parents=True, exist_ok=True)
        for directory, mode in (
            (self.root, shared),
            (self.data, shared),
            (self.secrets.parent, 0o700),
            (self.conf, 0o700),
            (self.run, 0o700),
            (self.log, 0o700),
            (self.tmp, 0o700),
            (self.entitlements, 0o700),
        ):
            directory.mkdir(exist_ok=True)
            directory.chmod(mode)

    def empty_tmp(self) -> None:
        """Killed servers leave files there. Only while none runs."""
        shutil.rmtree(self.tmp)
        self.tmp.mkdir(mode=0o700)

    def is_ready(self) -> bool:
        """Whether a first start has ever finished here."""
        marker = read_json(self.marker)
        if marker is None:
            return False
        if marker.get("format") != FORMAT:
            raise StackError(
                said("the home was made by another version of the stack"),
                str(self.marker),
                said("use that version, or a new home"),
            )
        return True

    def mark_ready(self, versions: Mapping[str, str]) -> None:
        """Last step of the first start: from here the data are the operator's and are never set aside."""
        write_private(self.marker, json.dumps({"format": FORMAT, **versions}, indent=1))
        shutil.rmtree(self.root / "data.unfinished", ignore_errors=True)

    def set_aside_unfinished(self) -> bool:
        """Move the data of a first start that never finished out of the way. True if there were any."""
        if self.is_ready() or not self.data.exists() or not any(self.data.iterdir()):
            return False
        aside = self.root / "data.unfinished"
        shutil.rmtree(aside, ignore_errors=True)
        self.data.rename(aside)
        self.prepare()
        return True
