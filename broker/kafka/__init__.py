"""The only package that imports kafka-python: typed clients that hold its pitfalls in one place.

What is not obvious, and once was a bug somewhere:

* Bytes leave ``poll`` undecoded. A deserialiser that raises inside kafka-python stops the consumer for ever.
* ``group_metadata()`` is live: after UNKNOWN_MEMBER_ID it turns to generation -1, which the broker does not fence. A
  ``Generation`` is therefore a snapshot, taken after the assignment and before any offset is read.
* ``commit_transaction()`` reports success for a transaction that the broker aborted on its time-out. So every record's
  future is taken before the offsets are sent.
* After any indefinite error a producer is never used again (late EndTxn, Jepsen on KIP-890).
* Rebalance listeners run on the IO thread and may not block: they set a flag.
"""

from broker.kafka.admin import Admin
from broker.kafka.connection import Connection, bootstrap_address
from broker.kafka.consumer import Assignment, Generation, GroupConsumer, GroupOffsets, PartitionReader
from broker.kafka.groups import Groups
from broker.kafka.markers import Markers
from broker.kafka.partitioner import partition_of
from broker.kafka.producer import Commit, IdempotentProducer, TransactionalProducer
from broker.kafka.types import Acl, Committed, Header, Outgoing, Record, TopicPartition, next_offsets

__all__ = [
    "Acl",
    "Admin",
    "Assignment",
    "Commit",
    "Committed",
    "Connection",
    "Generation",
    "GroupConsumer",
    "GroupOffsets",
    "Groups",
    "Header",
    "IdempotentProducer",
    "Markers",
    "Outgoing",
    "PartitionReader",
    "Record",
    "TopicPartition",
    "TransactionalProducer",
    "bootstrap_address",
    "next_offsets",
    "partition_of",
]
