"""The schema ``admission``: what deciding needs to remember. All of it can be rebuilt from the topics.

``latest`` is not here: compaction derives its tables from the Avro schemas.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Numeric,
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
#: A house's conflicts are read whole, for what was resolved can be raised again.
Index("entity_conflict_of_house", entity.c.house_code, postgresql_where=entity.c.subject == "conflict")

#: Accepted and refused records, by what makes a record the same; ``record`` is the Avro decision as on the wire. What was
#: due before a record happens with it, and is remembered under the record's slot and ``slot_seq``.
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
    Index("decision_slot_seq", "slot", "slot_seq"),
)

#: Quarantined records on which a decision came once an operator had sent them in again, by their place in the source's intake.
redriven = Table(
    "redriven",
    metadata,
    Column("topic", Text, primary_key=True),
    Column("partition", Integer, primary_key=True, autoincrement=False),
    Column("offset", BigInteger, primary_key=True, autoincrement=False),
    Column("decision_id", Text, nullable=False),
    Column("outcome", Text, nullable=False),
)

#: What stands on a house now: live contracts, seizures, titles, open conflicts. Its principals, perhaps none, are those with
#: an interest in it; ``amount`` is in CNY yuan.
claim = Table(
    "claim",
    metadata,
    Column("house_code", Text, primary_key=True),
    Column("subject", Text, primary_key=True),
    Column("entity_id", Text, primary_key=True),
    Column("status", Text, nullable=False),
    Column("beside", Boolean, nullable=False),
    Column("contract_no", Text),
    Column("principals", ARRAY(Text), nullable=False),
    Column("kind", Text),
    Column("rank", Integer),
    Column("amount", Numeric(16, 2)),
)
#: Stands behind the fencing of slots: no two instances each take a sale of one house that the other does not know of.
Index(
    "claim_one_live_sale",
    claim.c.house_code,
    unique=True,
    postgresql_where=(claim.c.subject == "sale") & claim.c.beside.is_(False),
)

#: What an entity of one slot tells the decisions of all others, found by kind and key. Read and written under advisory locks.
fact = Table(
    "fact",
    metadata,
    Column("kind", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("subject", Text, primary_key=True),
    Column("entity_id", Text, primary_key=True),
    Column("revision", BigInteger, nullable=False),
    Column("house_code", Text),
    Column("details", JSONB, nullable=False),
    Index("fact_entity", "subject", "entity_id"),
)

#: What will happen to an entity by itself: at most one event each, in the slot that decides on the entity.
timer = Table(
    "timer",
    metadata,
    Column("subject", Text, primary_key=True),
    Column("entity_id", Text, primary_key=True),
    Column("slot", Integer, nullable=False),
    Column("house_code", Text),
    Column("event_type", Text, nullable=False),
    Column("due_at", DateTime(timezone=True), nullable=False),
    Column("event_id", Text, nullable=False),
    Index("timer_due", "slot", "due_at"),
)

#: What is decided but perhaps not yet published. Read by the one owner of the slot, in ``slot_seq`` order. ``partition`` is
#: where the message goes: another slot's for what is asked of that one.
outbox = Table(
    "outbox",
    metadata,
    Column("slot", Integer, primary_key=True, autoincrement=False),
    Column("slot_seq", BigInteger, primary_key=True, autoincrement=False),
    Column("position", Integer, primary_key=True, autoincrement=False),
    Column("intake_topic", Text, nullable=False),
    Column("intake_offset", BigInteger, nullable=False),
    Column("topic", Text, nullable=False),
    Column("partition", Integer, nullable=False),
    Column("key", LargeBinary),
    Column("value", LargeBinary),
    Column("headers", JSONB, nullable=False),
)

#: The key of each owner of protected values, wrapped by the master key; its bytes are null once it is destroyed. ``seq``
#: is the order in which keys were made, in which readers will meet them. Cannot be rebuilt: it must be backed up.
person_key = Table(
    "person_key",
    metadata,
    Column("key_id", Text, primary_key=True),
    Column("seq", BigInteger, Identity(always=True), nullable=False, unique=True),
    Column("owner", Text, nullable=False),
    Column("algorithm", Text, nullable=False),
    Column("wrapped", LargeBinary),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=text("now()")),
    Column("retired_at", DateTime(timezone=True)),
    Column("destroyed_at", DateTime(timezone=True)),
    Column("erasure_id", Text),
    schema="keys",
)
#: An owner has one key at a time under which new values are sealed by an algorithm.
Index(
    "person_key_live",
    person_key.c.owner,
    person_key.c.algorithm,
    unique=True,
    postgresql_where=person_key.c.retired_at.is_(None),
)
#: All keys that a person ever had are found when he is erased.
Index("person_key_owner", person_key.c.owner)

#: One row: how often keys were retired. Who remembers keys looks whether it is still the same.
keys_state = Table(
    "state",
    metadata,
    Column("single", Boolean, primary_key=True, server_default=text("true")),
    Column("retirements", BigInteger, nullable=False, server_default=text("0")),
    schema="keys",
)

#: Who erased whom, why and when. ``refs`` are the person's references while it is not finished, then none.
erasure = Table(
    "erasure",
    metadata,
    Column("erasure_id", Text, primary_key=True),
    Column("refs", ARRAY(Text), nullable=False),
    Column("operator", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("begun_at", DateTime(timezone=True), nullable=False, server_default=text("now()")),
    Column("finished_at", DateTime(timezone=True)),
    Column("report", JSONB),
    schema="keys",
)

#: What admission is asked to erase of which entity, until the erasure is finished. ``alone``: the entity names nobody else,
#: and its own key goes with the person's.
erasure_request = Table(
    "request",
    metadata,
    Column("event_id", Text, primary_key=True),
    Column("erasure_id", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("entity_id", Text, nullable=False),
    Column("refs", ARRAY(Text), nullable=False),
    Column("alone", Boolean, nullable=False),
    schema="keys",
)

#: The tokens of the front door. Of a token's secret only the SHA-256 is kept. Not admission's: it cannot be rebuilt.
token = Table(
    "token",
    metadata,
    Column("token_id", Text, primary_key=True),
    Column("secret_sha256", Text, nullable=False, unique=True),
    Column("principal", Text, nullable=False),
    Column("scopes", ARRAY(Text), nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("created_by", Text, nullable=False),
    Column("expires_at", DateTime(timezone=True), nullable=False),
    Column("revoked_at", DateTime(timezone=True)),
    Column("last_used_at", DateTime(timezone=True)),
    Column("city_code", Text),
    schema="front",
)

#: The citizens' channel: keys of the platform (their secrets are derived), nonces that were used, receipts that were given.
signing_key = Table(
    "signing_key",
    metadata,
    Column("key_id", Text, primary_key=True),
    Column("principal", Text, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("created_by", Text, nullable=False),
    Column("expires_at", DateTime(timezone=True), nullable=False),
    Column("revoked_at", DateTime(timezone=True)),
    schema="front",
)

nonce = Table(
    "nonce",
    metadata,
    Column("key_id", Text, primary_key=True),
    Column("nonce", Text, primary_key=True),
    Column("forget_at", DateTime(timezone=True), nullable=False, index=True),
    schema="front",
)

receipt = Table(
    "receipt",
    metadata,
    Column("receipt_id", Text, primary_key=True),
    Column("key_id", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("given_at", DateTime(timezone=True), nullable=False),
    schema="front",
)
