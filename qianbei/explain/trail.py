"""Finding records by what stands in them, in topics that have no index.

Texts lie in Avro as they are, so a record that names something holds its bytes. Only records that do are decoded; who
asks looks again whether it is in the right field. A search reads its topics once, whatever the number of texts.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol

from broker.deploy import installation_topics
from broker.kafka import PartitionReader, Record
from broker.registry import Registry
from broker.replay.decoding import AnyDecoder
from broker.replay.selecting import holds
from broker.topics import INTERNAL, OPERATOR, decision_topic
from qianbei.inspect.reading import reader_of, retained
from qianbei.inspect.tail import Line, line_of
from qianbei.site import Site
from schemas.installation import Installation

KINDS = ("intake", "decision", "exchange")


class Trail(Protocol):
    """Where a story is looked for."""

    def search(self, texts: Iterable[str], *kinds: str) -> Sequence[Line]:
        """The records of these kinds of topics in whose key or value one of the texts stands; all kinds if none are given."""
        ...

    def requests(self) -> Sequence[Line]:
        """All decisions on what the exchange asked of itself."""
        ...


class KafkaTrail:
    """The topics of a site, as the operator reads them."""

    def __init__(self, reader: PartitionReader, decoder: AnyDecoder, installation: Installation) -> None:
        self._reader = reader
        self._decoder = decoder
        self._topics = [spec.name for spec in installation_topics(installation) if spec.kind in KINDS]

    def search(self, texts: Iterable[str], *kinds: str) -> Sequence[Line]:
        """See ``Trail``. Raises Unavailable or AccessDenied."""
        chosen = kinds or KINDS
        topics = [topic for topic in self._topics if topic.partition(".")[0] in chosen]
        test = holds(texts)
        found = (one for one in self._records(topics) if test(one.value or b"") or test(one.key or b""))
        return [line_of(one, self._decoder) for one in found]

    def requests(self) -> Sequence[Line]:
        """See ``Trail``. Raises Unavailable or AccessDenied."""
        return [line_of(one, self._decoder) for one in self._records([decision_topic(INTERNAL)])]

    def _records(self, topics: Iterable[str]) -> Iterator[Record]:
        """Every committed record of these topics up to their present ends."""
        yield from retained(self._reader, [p for topic in topics for p in self._reader.partitions_of(topic)])


@contextmanager
def trail_of(site: Site) -> Iterator[KafkaTrail]:
    """The topics of a site. Raises Unavailable or AccessDenied."""
    with Registry(site.admin.registry_url) as registry, reader_of(site, OPERATOR) as reader:
        yield KafkaTrail(reader, AnyDecoder(registry), site.admin.installation())
