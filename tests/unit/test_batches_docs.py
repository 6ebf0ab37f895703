"""The examples of docs/connect/files.md are a manifest and a receipt that the reader takes."""

import re
from pathlib import Path

from broker.batches.format import Manifest, Receipt, read_form

PAGE = Path(__file__).parents[2] / "docs" / "connect" / "files.md"


def test_the_examples_are_of_the_form_that_is_read() -> None:
    manifest, receipt = re.findall(r"```json\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert read_form(Manifest, manifest.encode(), "manifest.json").sequence == 2
    assert read_form(Receipt, receipt.encode(), "receipt.json").outcome == "TAKEN"


def test_every_fault_in_the_page_is_one_that_is_told() -> None:
    told = set(re.findall(r"`([A-Z_]{4,})`", PAGE.read_text(encoding="utf-8"))) - {"TAKEN", "REJECTED"}
    known = (Path(__file__).parents[2] / "broker" / "batches" / "errors.py").read_text(encoding="utf-8")
    assert told
    assert all(f'"{code}"' in known for code in told)
