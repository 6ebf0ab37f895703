"""The schema ``admission``: what deciding needs to remember. All of it can be rebuilt from the topics.

``latest`` is not here: compaction derives its tables from the Avro schemas.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

metadata = MetaData(schema="admission")

#: One row a slot. ``epoch`` fences: whoever raised it last owns the slot in all intake topics.
slot = Table(
    "slot",
    metadata,
    Column("slot", Integer, primary_key=True, autoincrement=False),
    Column("epoch", BigInteger, nullable=False, server_default=text("0")),
    Column("next_seq", BigInteger, nullable=False, server_default=text("1")),
    Column("last_recorded_at", DateTime(timezone=True)),
    Column("instance", Text),
)

#: What has been decided of each intake partition. Kafka's group offset says what has been published.
intake_position = Table(
    "intake_position",
    metadata,
    Column("topic", Text, primary_key=True),
    Column("partition", Integer, primary_key=True, autoincrement=False),
    Column("next_offset", BigInteger, nullable=False),
)

#: One row an entity. ``highest_version`` counts refused versions too; ``state`` is the last accepted record, as on the wire.
entity = Table(
    "entity",
    metadata,
    Column("subject", Text, primary_key=True),
    Column("entity_id", Text, primary_key=True),
    Column("source", Text, nullable=False),
    Column("slot", Integer, nullable=False),
    Column("house_code", Text),
    Column("highest_version", BigInteger, nullable=False),
    Column("revision", BigInteger, nullable=False),
    Column("status", Text),
    Column("state", LargeBinary),
)

#: Accepted and refused records, by what makes a record the same; ``record`` is the Avro decision as on the wire.
decision = Table(
    "decision",
    metadata,
    Column("principal", Text, primary_key=True),
    Column("event_id", Text, primary_key=True),
    Column("decision_id", Text, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("intake_sha256", Text, nullable=False),
    Column("slot", Integer, nullable=False),
    Column("slot_seq", BigInteger, nullable=False),
    Column("revision", BigInteger),
    Column("record", LargeBinary, nullable=False),
    Index("decision_slot_seq", "slot", "slot_seq", unique=True),
)

#: What stands on a house now: one row a live contract. Its principals are those with an interest in it.
claim = Table(
    "claim",
    metadata,
    Column("house_code", Text, primary_key=True),
    Column("subject", Text, primary_key=True),
    Column("entity_id", Text, primary_key=True),
    Column("status", Text, nullable=False),
    Column("baseline", Boolean, nullable=False),
    Column("contract_no", Text),
    Column("principals", ARRAY(Text), nullable=False),
)
#: Stands behind the rule UNIT_ALREADY_SOLD: were the rule wrong, this would stop the second sale.
Index(
    "claim_one_live_sale",
    claim.c.house_code,
    unique=True,
    postgresql_where=(claim.c.subject == "sale") & claim.c.baseline.is_(False),
)

#: What is decided but perhaps not yet published. Read by the one owner of the slot, in ``slot_seq`` order.
outbox = Table(
    "outbox",
    metadata,
    Column("slot", Integer, primary_key=True, autoincrement=False),
    Column("slot_seq", BigInteger, primary_key=True, autoincrement=False),
    Column("position", Integer, primary_key=True, autoincrement=False),
    Column("intake_topic", Text, nullable=False),
    Column("intake_offset", BigInteger, nullable=False),
    Column("topic", Text, nullable=False),
    Column("key", LargeBinary),
    Column("value", LargeBinary),
    Column("headers", JSONB, nullable=False),
)
