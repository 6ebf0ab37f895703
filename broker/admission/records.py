"""The records that admission writes: revisions to the exchange, decisions to the source, quarantine to the operators."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from broker.admission.intake import Quarantined
from broker.admission.model import Body, Candidate, Emission, Redriven, Request, Verdict
from broker.admission.requests import request_key
from broker.cloudevents import cloud_event
from broker.codec import Encode
from broker.kafka import Outgoing, Record
from broker.slots import slot_of
from broker.topics import decision_topic, exchange_topic, intake_topic, quarantine_topic
from schemas.catalogue import INTERNAL, Catalogue
from schemas.codelists import code_list


@dataclass(frozen=True, slots=True)
class Encoders:
    """How each record is put on the wire: by subject for the exchange and the intake, by topic for the others."""

    exchange: Mapping[str, Encode]
    intake: Mapping[str, Encode]
    answer: Mapping[str, Encode]


def exchange_message(emission: Emission, slot: int, encode: Mapping[str, Encode]) -> Outgoing:
    """A new revision, in the partition of its slot."""
    subject = emission.key.subject
    return Outgoing(
        exchange_topic(subject),
        slot,
        emission.key.entity_id.encode(),
        encode[subject](emission.body),
        cloud_event(emission.body, subject),
    )


def decision_record(candidate: Candidate, verdict: Verdict, slot: int, slot_seq: int) -> Body:
    """The decision as the source reads it."""
    body = candidate.body
    return {
        "decision_id": verdict.decision_id,
        "outcome": verdict.outcome.value,
        "principal": candidate.principal,
        "event_id": body["event_id"],
        "subject": candidate.subject,
        "event_type": body["event_type"],
        "entity_id": body["entity_id"],
        "version": body["version"],
        "intake_topic": candidate.place.topic,
        "intake_partition": candidate.place.partition,
        "intake_offset": candidate.place.offset,
        "intake_sha256": candidate.sha256,
        "slot": slot,
        "slot_seq": slot_seq,
        "recorded_at": verdict.recorded_at,
        "revision": verdict.revision,
        "first_decision_id": verdict.first_decision_id,
        "reasons": [item.fields for item in verdict.reasons],
        "seen": [seen.fields for seen in verdict.seen],
        "effects": [
            {"topic": exchange_topic(e.key.subject), "entity_id": e.key.entity_id, "revision": e.revision}
            for e in verdict.revisions
        ],
        "redriven": None if candidate.redriven is None else _redriven(candidate.redriven, candidate.sha256),
        "county_code": county if (county := body["county_code"]) in code_list("county") else None,
    }


def _redriven(origin: Redriven, sha256: str) -> dict[str, Any]:
    return {
        "intake_topic": origin.origin.topic,
        "intake_partition": origin.origin.partition,
        "intake_offset": origin.origin.offset,
        "intake_sha256": origin.sha256,
        "place": str(origin.place),
        "edited": sha256 != origin.sha256,
        "operator": origin.operator,
        "reason": origin.reason,
        "redriven_at": origin.at,
    }


def request_message(
    request: Request, catalogue: Catalogue, slots: int, encode: Mapping[str, Encode]
) -> Outgoing:
    """What the exchange asks of itself, as a record of its own intake."""
    key = request_key(catalogue, request.subject, request.body)
    value = encode[request.subject](request.body)
    return Outgoing(intake_topic(INTERNAL), slot_of(key, slots), key.encode(), value)


def decision_message(principal: str, entity_id: str, slot: int, value: bytes) -> Outgoing:
    """A decision, to the topic that its source reads."""
    return Outgoing(decision_topic(principal), slot, entity_id.encode(), value)


def quarantine_message(
    record: Record, found: Quarantined, slot_seq: int, recorded_at: datetime, encode: Mapping[str, Encode]
) -> Outgoing:
    """A record that could not be decided, whole, with its place and the reason."""
    topic = quarantine_topic(found.principal)
    body = {
        "intake_topic": record.topic,
        "intake_partition": record.partition,
        "intake_offset": record.offset,
        "intake_sha256": found.sha256,
        "slot": record.partition,
        "slot_seq": slot_seq,
        "recorded_at": recorded_at,
        "reason": found.reason,
        "detail": found.detail,
        "key": record.key,
        "value": record.value,
        "headers": [{"name": name, "value": value} for name, value in record.headers],
    }
    return Outgoing(topic, record.partition, record.key, encode[topic](body))
