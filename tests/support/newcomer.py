"""A newcomer's machine: an empty folder, the department's connection, and the caches of the tools or none."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from qianbei.inspect.connection import FORMATS, client_connection
from tests.support.exchange import Exchange

ROOT = Path(__file__).parents[2]
UV = Path(sys.executable).with_name("uv")
_OURS = ("QIANBEI_", "SCHEMA_", "PYTHON", "VIRTUAL_ENV", "GOFLAGS")
_NO_NETWORK = {"HTTPS_PROXY": "http://127.0.0.1:9", "UV_OFFLINE": "1", "GOPROXY": "off"}
"""Whatever would have to be downloaded fails at once; the exchange's servers are on loopback and speak no HTTPS."""

_GO = {"GOFLAGS": "-modcacherw"}
"""So that a folder of modules can be removed."""


class Missing(Exception):
    """A step failed; without network, because something was not downloaded yet."""


@dataclass(frozen=True)
class Newcomer:
    """One department's developer, who has Python with uv (and Go, if he is to) and what ``qianbei connection`` printed."""

    folder: Path
    department: str
    environment: dict[str, str]

    def run(self, *command: str | Path, cwd: Path | None = None) -> None:
        """One step. Raises Missing if it fails."""
        ran = subprocess.run(
            command, cwd=cwd or self.folder, env=self.environment, capture_output=True, text=True, check=False
        )
        if ran.returncode:
            raise Missing(f"{command}: {ran.stderr[-3000:]}")

    def venv(self, *install: str | Path) -> Path:
        """A fresh environment with these installed; gives its folder of programs."""
        self.run(UV, "venv", "--quiet", "--python", sys.executable, "env")
        self.run(UV, "pip", "install", "--quiet", "--python", "env/bin/python", *install)
        return self.folder / "env" / "bin"

    def sample(self, language: str) -> Path:
        """The folder of a language's sample, copied."""
        copied = self.folder / language
        shutil.copytree(ROOT / "samples" / language, copied, ignore=shutil.ignore_patterns("build", "target"))
        return copied

    @contextmanager
    def running(self, *command: str | Path) -> Iterator["Running"]:
        """A reader in the department's shell; killed at the end if it still runs."""
        shell = ("sh", "-c", f'set -a; . ./{self.department}.env; set +a; exec "$@"', "sh")
        output, errors = self.folder / "output", self.folder / "errors"
        with output.open("wb") as out, errors.open("wb") as err:
            process = subprocess.Popen(
                [*shell, *command], cwd=self.folder, env=self.environment, stdout=out, stderr=err
            )
        try:
            yield Running(process, output, errors)
        finally:
            process.kill()
            process.wait()


@dataclass(frozen=True)
class Running:
    """A reader at work."""

    process: "subprocess.Popen[bytes]"
    output: Path
    errors: Path

    def wait(self, arrived: Callable[[], bool], seconds: float) -> None:
        """Until the record is there. Raises Missing if the reader ends before."""
        deadline = time.monotonic() + seconds
        while not arrived():
            if self.process.poll() is not None:
                raise Missing(self.errors.read_text()[-3000:])
            assert time.monotonic() < deadline, f"nothing within {seconds:.0f} s: {self.errors.read_text()}"
            time.sleep(0.02)

    def lines(self) -> list[str]:
        """What it has printed, without a line that it is still at."""
        return self.output.read_text().split("\n")[:-1]

    def stop(self) -> int:
        """By SIGTERM; gives the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(20)


def newcomer(
    exchange: Exchange, department: str, folder: Path, caches: Path | None, *, network: bool
) -> Newcomer:
    """An empty folder with the connection in it. ``caches``: where downloads are kept, None for the tools' own places."""
    folder.mkdir()
    connection = client_connection(exchange.site, department)
    for form, name in (("env", f"{department}.env"), ("java", f"{department}.properties")):
        (folder / name).write_text(FORMATS[form](connection) + "\n", encoding="utf-8")
    own = {name: value for name, value in os.environ.items() if not name.startswith(_OURS)}
    places = _own_caches() if caches is None else {name: str(caches / name.lower()) for name in _own_caches()}
    offline = {} if network else _NO_NETWORK
    return Newcomer(folder, department, own | places | offline | {"HOME": str(folder), **_GO})


def go_version() -> tuple[int, int] | None:
    """The Go toolchain's, or None if there is none."""
    if shutil.which("go") is None:
        return None
    told = subprocess.run(["go", "env", "GOVERSION"], capture_output=True, text=True, check=True).stdout
    major, minor = told.strip().removeprefix("go").split(".")[:2]
    return int(major), int("".join(c for c in minor if c.isdigit()))


@cache
def _own_caches() -> dict[str, str]:
    uv = subprocess.run([UV, "cache", "dir"], capture_output=True, text=True, check=True).stdout.strip()
    places = {
        "UV_CACHE_DIR": uv,
        "M2_REPO": os.environ.get("M2_REPO") or str(Path.home() / ".m2" / "repository"),
    }
    if go_version() is None:
        return places
    told = subprocess.run(["go", "env", "GOMODCACHE", "GOCACHE"], capture_output=True, text=True, check=True)
    modules, built = told.stdout.split()
    return places | {"GOMODCACHE": modules, "GOCACHE": built}
