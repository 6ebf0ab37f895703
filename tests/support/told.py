"""What departments are told on a running exchange: events sent by their principals, topics read by those they are for."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from broker.codec import Decoder
from broker.registry import Registry
from broker.released import decoder, topic_subject
from broker.topics import decision_topic, department_of
from consumers.decoding import SchemaDecoder
from tests.support.exchange import Exchange, until
from tests.support.story import Event, Sender, sender

Values = list[dict[str, Any]]


class Told:
    """A running exchange as its principals see it."""

    def __init__(self, exchange: Exchange, sent: Sender, registry: Registry) -> None:
        self._exchange = exchange
        self._sender = sent
        self._registry = registry
        self._decoders: dict[str, Decoder] = {}
        self._values = SchemaDecoder(registry)

    def sent(self, *events: Event) -> Values:
        """Send, and return the decisions once they are all there, in the events' order."""
        self._sender.send(*events)
        ids = [one.record["event_id"] for one in events]
        found: dict[str, dict[str, Any]] = {}

        def decided() -> bool:
            for principal in sorted({one.principal for one in events}):
                found.update((answer["event_id"], answer) for answer in self._decisions(principal))
            return set(ids) <= found.keys()

        until("the decisions", decided)
        return [found[name] for name in ids]

    def taken(self, *events: Event) -> Values:
        """Send what must be accepted."""
        answers = self.sent(*events)
        assert [answer["outcome"] for answer in answers] == ["ACCEPTED"] * len(events), answers
        return answers

    def _decisions(self, principal: str) -> Iterator[dict[str, Any]]:
        topic = decision_topic(principal)
        if topic not in self._decoders:
            self._decoders[topic] = decoder(self._registry, [topic_subject(topic, "decision")])
        for record in self._exchange.read([topic]):
            yield self._decoders[topic].decode(record.value)[1]

    def read(self, topic: str, **wanted: Any) -> Values:
        """What a department finds in its own topic, by its own login; of it those records whose fields are as wanted."""
        records = self._exchange.read([topic], department_of(topic))
        values = [self._values.decode(record).value for record in records]
        return [value for value in values if all(value[name] == is_ for name, is_ in wanted.items())]

    def wait(self, topic: str, count: int = 1, **wanted: Any) -> Values:
        """The same, once there are so many."""
        until(f"{count} on {topic}", lambda: len(self.read(topic, **wanted)) >= count)
        return self.read(topic, **wanted)


@contextmanager
def told(exchange: Exchange, *principals: str) -> Iterator[Told]:
    """The exchange, for these principals to send to."""
    with sender(exchange.site, *principals) as sent, Registry(exchange.site.admin.registry_url) as registry:
        yield Told(exchange, sent, registry)
