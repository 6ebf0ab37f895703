"""The citizens' channel without servers: the page's own signing code is taken, names are compared as people mean them."""

import re
from pathlib import Path
from typing import Any

import pytest

from broker.api.problems import ProblemError
from broker.gov.contracts import plain_name
from broker.gov.keys import secret_of
from broker.gov.signing import read_header, require_signature, require_time

PAGE = (Path(__file__).parents[2] / "docs" / "connect" / "gov.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("scheme", ["QIANBEI-HMAC-SM3", "QIANBEI-HMAC-SHA256"])
def test_what_the_page_signs_is_taken(scheme: str) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    page: dict[str, Any] = {}
    exec(code, page)
    secret = secret_of(bytes(32), "gk1")
    sent = page["authorization"]("gk1", secret.hex(), "POST", "/v1/gov/own_contracts", b"{}", scheme=scheme)
    signed = read_header(sent)
    require_time(signed, signed.time + 299)
    require_signature(secret, signed, "POST", "/v1/gov/own_contracts", b"{}")
    for wrong in (("GET", "/v1/gov/own_contracts", b"{}"), ("POST", "/v1/gov/own_contracts", b"{ }")):
        with pytest.raises(ProblemError, match="401"):
            require_signature(secret, signed, *wrong)
    with pytest.raises(ProblemError, match="more than 300 s"):
        require_time(signed, signed.time - 301)


def test_each_key_has_a_secret_of_its_own() -> None:
    secrets = {secret_of(key, name) for key in (bytes(32), bytes(31) + b"x") for name in ("gk1", "gk2")}
    assert len(secrets) == 4


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("张 三丰", "张三丰", True),
        ("阿依古丽·买买提", "阿依古丽•买买提", True),
        ("ＬＩ ＭＩＮＧ", "Li Ming", True),
        ("张三丰", "张三", False),
    ],
)
def test_names_are_compared_as_people_mean_them(one: str, other: str, same: bool) -> None:
    assert (plain_name(one) == plain_name(other)) is same
