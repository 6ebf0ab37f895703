"""Rows of the access log for tests."""

import uuid
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from broker.query.access_log import Access


def an_access(**changes: Any) -> Access:
    """A call of tax that was answered, with changes."""
    now = datetime.now(UTC)
    made = Access(
        access_id=uuid.uuid4(),
        at=now,
        principal="tax",
        token_id="t",
        city_code=None,
        officer_id="410001",
        officer_name="经办甲",
        query="tax/sale",
        purpose="TAX_SALE",
        legal_basis="建房〔2020〕61号 四",
        number_kind="business_no",
        number="YW-1",
        parties=[],
        houses=[],
        contracts=["HT-1"],
        granted=True,
        code="answered",
        fields=["sales.contract_no"],
        records=1,
        answer_sha256="0" * 64,
        latency_us=5,
        told_parties=[],
        told_stands=[],
        told_houses=[],
        told_entities=["HT-1"],
    )
    return replace(made, **changes)
