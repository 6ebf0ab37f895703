"""What is installed from the wheel works from any folder, with its schemas and migrations inside."""

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
UV = Path(sys.executable).with_name("uv")


def run(*command: str | Path, cwd: Path) -> str:
    ran = subprocess.run(
        [str(part) for part in command], cwd=cwd, capture_output=True, text=True, timeout=240, check=False
    )
    assert ran.returncode == 0, f"{command}: {ran.stdout[-2000:]} {ran.stderr[-2000:]}"
    return ran.stdout


@pytest.mark.timeout(300)
def test_the_wheel_runs_elsewhere(tmp_path: Path) -> None:
    source, out, elsewhere = tmp_path / "source", tmp_path / "out", tmp_path / "elsewhere"
    elsewhere.mkdir()
    ignored = shutil.ignore_patterns(".venv", ".git", "__pycache__", ".qianbei", ".*_cache", ".hypothesis")
    shutil.copytree(ROOT, source, ignore=ignored)
    run(sys.executable, "-m", "build", "--wheel", "--outdir", out, source, cwd=elsewhere)
    (wheel,) = out.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    for needed in (
        "schemas/avro/sale/v1.avsc",
        "schemas/catalogue.yaml",
        "qianbei/locale/zh_CN/LC_MESSAGES/qianbei.po",
        "schemas/policy/rules.yaml",
        "schemas/entitlements/tax.yaml",
        "schemas/codes/county.yaml",
        "broker/store/migrations/versions/0001_admission.py",
    ):
        assert needed in names, f"{needed} is not in the wheel"
    assert not [name for name in names if name.startswith(("tests/", "benchmarks/"))]

    run(sys.executable, "-m", "venv", "--without-pip", "env", cwd=tmp_path)
    python = tmp_path / "env" / "bin" / "python"
    run(
        UV,
        "pip",
        "sync",
        "--quiet",
        "--python",
        python,
        "--require-hashes",
        ROOT / "requirements.lock",
        cwd=elsewhere,
    )
    run(UV, "pip", "install", "--quiet", "--python", python, "--no-deps", wheel, cwd=elsewhere)
    qianbei = tmp_path / "env" / "bin" / "qianbei"
    assert "Commands:" in run(qianbei, "--help", cwd=elsewhere)
    assert "qianbei" in run(qianbei, "--version", cwd=elsewhere)
    code = "from schemas.installation import load_installation; print(len(load_installation(None).grants))"
    assert int(run(python, "-c", code, cwd=elsewhere)) > 25
