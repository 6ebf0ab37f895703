"""The envelope of a record as CloudEvents 1.0 headers (Kafka protocol binding, binary content mode)."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from broker.kafka import Header


def cloud_event(body: Mapping[str, Any], subject: str) -> tuple[Header, ...]:
    """The envelope as CloudEvents 1.0 headers (Kafka binding, binary mode), and the revision to order by."""
    return (
        ("ce_specversion", b"1.0"),
        ("ce_id", body["event_id"].encode()),
        ("ce_source", f"qianbei:{body['source']}".encode()),
        ("ce_type", f"cn.qianbei.{subject}.{body['event_type']}".encode()),
        ("ce_time", _rfc3339(body["occurred_at"]).encode()),
        ("ce_subject", body["entity_id"].encode()),
        ("content-type", b"application/avro"),
        ("qb_revision", str(body["revision"]).encode()),
    )


def _rfc3339(at: datetime) -> str:
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")
