"""What is installed from the wheel works from any folder, with its schemas and migrations inside."""

import sys
import zipfile
from pathlib import Path

import pytest

from tests.fix_wheel import ROOT, UV, run

pytestmark = pytest.mark.stack("exchange")
"""With the newcomers' tests, so that the wheel is built once."""


@pytest.mark.timeout(300)
def test_the_wheel_runs_elsewhere(wheel: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
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
    assert not [name for name in names if name.startswith(("tests/", "benchmarks/", "samples/"))]

    run(sys.executable, "-m", "venv", "--without-pip", "env", cwd=tmp_path)
    python = tmp_path / "env" / "bin" / "python"
    lock = ROOT / "requirements.lock"
    run(UV, "pip", "sync", "--quiet", "--python", python, "--require-hashes", lock, cwd=elsewhere)
    run(UV, "pip", "install", "--quiet", "--python", python, "--no-deps", wheel, cwd=elsewhere)
    qianbei = tmp_path / "env" / "bin" / "qianbei"
    assert "Commands:" in run(qianbei, "--help", cwd=elsewhere)
    assert "qianbei" in run(qianbei, "--version", cwd=elsewhere)
    code = "from schemas.installation import load_installation; print(len(load_installation(None).grants))"
    assert int(run(python, "-c", code, cwd=elsewhere)) > 25
