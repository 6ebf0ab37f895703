"""What an operator sees of persons is written to the access log, in a chain of its own, before it is shown."""

import hashlib
import json
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from broker.disclosed.finding import Database
from broker.query.access_log import Access, write_alone
from qianbei.acts import Act

OPERATOR = "operator"
"""Stands where a principal would: an operator of the exchange, who is named as the official."""
PURPOSE = "ACCOUNTABILITY"
LEGAL_BASIS = "个人信息保护法 第五十四条；网络安全法 第二十一条"


@dataclass(frozen=True, slots=True)
class Look:
    """One look: ``who`` or ``export``, by whom, and about whom and what."""

    name: str
    act: Act
    at: datetime
    parties: Sequence[str] = ()
    houses: Sequence[str] = ()
    contracts: Sequence[str] = ()

    def written(self, db: Database, told: Sequence[dict[str, Any]], begun: float) -> uuid.UUID:
        """The id of its row; ``told`` is what will be shown, ``begun`` the monotonic time of its beginning."""
        access = self._access(told, begun)
        write_alone(db, self.name, access)
        return access.access_id

    def _access(self, told: Sequence[dict[str, Any]], begun: float) -> Access:
        body = json.dumps(list(told), ensure_ascii=False).encode()
        return Access(
            access_id=uuid.uuid4(),
            at=self.at,
            principal=OPERATOR,
            token_id="",
            city_code=None,
            officer_id=self.act.operator,
            officer_name=None,
            query=f"audit/{self.name}",
            purpose=PURPOSE,
            legal_basis=LEGAL_BASIS,
            number_kind="reason",
            number=self.act.reason,
            parties=list(self.parties),
            houses=list(self.houses),
            contracts=list(self.contracts),
            granted=True,
            code="answered",
            fields=sorted({name for one in told for name in one}),
            records=len(told),
            answer_sha256=hashlib.sha256(body).hexdigest(),
            latency_us=round((time.monotonic() - begun) * 1_000_000),
        )
