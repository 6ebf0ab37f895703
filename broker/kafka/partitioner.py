"""The partitioner of Kafka's Java client (murmur2), which decides a record's slot."""

from functools import lru_cache

from kafka.partitioner.default import murmur2


@lru_cache(maxsize=65536)
def partition_of(key: bytes, partitions: int) -> int:
    """The partition of ``key`` among ``partitions``, as Java clients compute it.

    librdkafka's default is CRC32: its users must set ``partitioner=murmur2_random`` or name the partition.
    Cached, because the pure-Python hash of a 26-byte house code costs more than deciding on the record's version.
    """
    return int((murmur2(key) & 0x7FFFFFFF) % partitions)
