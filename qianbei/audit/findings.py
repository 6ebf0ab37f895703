"""What a verification finds: the kind, the place, and how it shows."""

from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any


class Kind(StrEnum):
    """In which way log or tables are not what was chained."""

    CHANGED = "changed"
    DROPPED = "dropped"
    INSERTED = "inserted"
    REORDERED = "re-ordered"
    CORRUPT = "corrupt on disk"
    ROW_EDITED = "table row edited"
    ROW_DROPPED = "table row dropped"
    INDEX_EDITED = "index edited"
    REWRITTEN = "not what was signed"
    SIGNATURE = "signature wrong"
    CHECKPOINT = "checkpoint missing"


@dataclass(frozen=True, slots=True)
class Finding:
    """Records ``first`` to ``last`` (offsets, or numbers of rows in an access chain) of a partition; checkpoints by sequence."""

    kind: Kind
    topic: str
    partition: int
    first: int
    last: int
    detail: str

    @property
    def place(self) -> str:
        """The place as it is written down."""
        span = f"{self.first}" if self.first == self.last else f"{self.first}-{self.last}"
        return f"{self.topic}/{self.partition}@{span}"


@dataclass(slots=True)
class Report:
    """What was compared, and what was found."""

    findings: list[Finding] = field(default_factory=list)
    partitions: int = 0
    records: int = 0
    segments: int = 0
    index_rows: int = 0
    checkpoints: int = 0
    signed_heads: int = 0
    linked: int = 0
    """Rows of the access log whose own digests were looked at."""
    expired: int = 0
    """Chained records that have reached their retention."""
    unsigned: int = 0
    """Chained records after the last signed head of their partition."""
    seconds: float = 0.0

    @property
    def ok(self) -> bool:
        """Whether nothing was found, and anything was compared."""
        return not self.findings and self.records > 0

    def as_dict(self) -> dict[str, Any]:
        """As JSON types."""
        return asdict(self) | {"ok": self.ok}
