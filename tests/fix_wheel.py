"""The project's wheel, built once a session."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
UV = Path(sys.executable).with_name("uv")


def run(*command: str | Path, cwd: Path) -> str:
    """A command that must end well; gives what it printed."""
    ran = subprocess.run(
        [str(part) for part in command], cwd=cwd, capture_output=True, text=True, timeout=240, check=False
    )
    assert ran.returncode == 0, f"{command}: {ran.stdout[-2000:]} {ran.stderr[-2000:]}"
    return ran.stdout


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from a copy of the source, so that nothing of this checkout is reached by accident."""
    place = tmp_path_factory.mktemp("wheel")
    ignored = shutil.ignore_patterns(".venv", ".git", "__pycache__", ".qianbei", ".*_cache", ".hypothesis")
    shutil.copytree(ROOT, place / "source", ignore=ignored)
    build = (sys.executable, "-m", "build", "--installer", "uv", "--wheel", "--outdir", place / "out")
    run(*build, place / "source", cwd=place)
    (found,) = (place / "out").glob("*.whl")
    return found
