"""The past of a site, and what today's admission decides by: opened for redeciding, by a user who may write nothing."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from broker.admission.opening import know
from broker.admission.service import Knowledge
from broker.admission.timers import EXPIRED
from broker.codec import Decoder
from broker.kafka import Connection, PartitionReader
from broker.registry import Registry
from broker.released import decoder, topic_subject
from broker.replay.past import Decoders, InOrder, slot_pasts
from broker.replay.reading import read_out, whole
from broker.settings import Settings
from broker.topics import INTERNAL, decision_topic, exchange_topic, quarantine_topics
from schemas.catalogue import Catalogue
from schemas.installation import Installation

_BYTES = 1024 * 1024
_WITH_TERMS = ("seizure", "defaulter")


class Reopened(NamedTuple):
    """``asked_then`` are the ids of all events that the exchange made by itself; ``offsets`` how many decisions there are,
    transaction markers included."""

    knowledge: Knowledge
    pasts: InOrder
    asked_then: frozenset[str]
    offsets: int


@contextmanager
def reopened(settings: Settings, installation: Installation, policy: Path | None) -> Iterator[Reopened]:
    """All that was decided up to now, and what decides today, by another policy file if one is given.

    Raises ConfigError for a wrong policy, AccessDenied or Unavailable.
    """
    if policy is not None:
        settings = settings.model_copy(update={"policy_file": policy})
    knowledge = know(settings, installation)
    catalogue = installation.catalogue
    decoders = Decoders(_outcomes(settings, catalogue), knowledge.states)
    with PartitionReader(Connection.of(settings), max_bytes=_BYTES) as reader:
        pasts = slot_pasts(reader, catalogue, decoders, settings.slots)
        asked = frozenset(asked_then(reader, decoders))
        offsets = sum(c.span.end - c.span.first for past in pasts for c in past.outcomes)
        yield Reopened(knowledge, InOrder(pasts), asked, offsets)


def _outcomes(settings: Settings, catalogue: Catalogue) -> Decoder:
    decisions = [topic_subject(decision_topic(name), "decision") for name in catalogue.principals]
    apart = [topic_subject(topic, "quarantine") for topic in quarantine_topics(catalogue)]
    with Registry(settings.registry_url) as registry:
        return decoder(registry, [*decisions, *apart])


def asked_then(reader: PartitionReader, decoders: Decoders) -> Iterator[str]:
    """The ids of what the exchange asked of itself, and the ends of terms, which may also have come about with another record."""
    for record in read_out(reader, whole(reader, reader.partitions_of(decision_topic(INTERNAL)))):
        yield decoders.outcomes.decode(record.value)[1]["event_id"]
    for subject in _WITH_TERMS:
        for record in read_out(reader, whole(reader, reader.partitions_of(exchange_topic(subject)))):
            body = decoders.states.decode(record.value)[1]
            if body["event_type"] == EXPIRED:
                yield body["event_id"]
