"""The examples of docs/front-door.md work as they stand."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from qianbei.site import Site
from tests.support.door_client import known_client, site_token

ROOT = Path(__file__).parents[2]
BLOCK = re.compile(r"```sh\n(.*?)```", re.DOTALL)


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_the_examples_of_the_page_work(site: Site, url: str, tmp_path: Path) -> None:
    blocks = BLOCK.findall((ROOT / "docs" / "front-door.md").read_text(encoding="utf-8"))
    examples = [block for block in blocks if block.startswith(("curl", "python3"))]
    assert len(examples) == 5
    token = site_token(site, "bureau", "file:unit,sale", "ask", "read")[1]
    (tmp_path / "auth.txt").write_text(f"Authorization: Bearer {token}\n")
    (tmp_path / "schemas").symlink_to(ROOT / "schemas")
    with known_client(url, token):
        health, filed, decision, batch, asked = (run(block, url, tmp_path) for block in examples)
    assert health == {"status": "ok"}
    assert filed["outcome"] == "ACCEPTED"
    assert decision["decision_id"] == filed["decision_id"]
    assert [one["status"] for one in batch] == [200]
    assert batch[0]["body"]["duplicate"] is True
    assert asked["eligible"] is True, asked


def run(block: str, url: str, folder: Path) -> Any:
    environment = os.environ | {"DOOR": url, "no_proxy": "127.0.0.1"}
    ran = subprocess.run(
        ["sh", "-eu", "-c", block],
        env=environment,
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return json.loads(ran.stdout)
