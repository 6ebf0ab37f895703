"""What docs/connect/files.md says of the format: its examples are read, and every fault that can be told is explained."""

import re
from pathlib import Path
from typing import get_args

from broker.batches.errors import Code
from broker.batches.format import Manifest, Receipt, read_form

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


def test_every_code_is_explained_but_for_the_way_out() -> None:
    assert {code for code in get_args(Code) if f"`{code}`" not in PAGE} == {"BAD_RECORD"}
