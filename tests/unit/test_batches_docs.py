"""What docs/connect/files.md says of the format: its examples are read, and every fault that can be told is explained."""

import re
from pathlib import Path
from typing import get_args

from broker.batches.errors import Code
from broker.batches.format import Manifest, Receipt, read_form
from consumers.files.lines import record_of

PAGE = (Path(__file__).parents[2] / "docs" / "connect" / "files.md").read_text(encoding="utf-8")


def example(kind: str) -> bytes:
    """The only fenced block of this kind."""
    (found,) = re.findall(rf"```json {kind}\n(.*?)```", PAGE, re.DOTALL)
    return str(found).encode()


def test_the_examples_are_valid_and_whole() -> None:
    manifest = read_form(Manifest, example("manifest"), "page")
    receipt = read_form(Receipt, example("receipt"), "page")
    assert manifest.model_fields_set == set(Manifest.model_fields)
    assert receipt.model_fields_set == set(Receipt.model_fields)


def test_the_line_of_a_record_is_one() -> None:
    record = record_of("dept.tax.sale.v1", example("record"))
    assert (record.key, record.value) == (b"HT-2020-000001", b"\x00\x00\x00\x00\x11\x02a")
    assert record.header("qb_revision") == b"3"


def test_every_code_is_explained() -> None:
    assert [code for code in get_args(Code) if f"`{code}`" not in PAGE] == []
