"""What an exchange has written, put together: each intake record with its decision and the revisions that follow."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from broker.codec import Decoder
from broker.errors import DecodeError
from broker.kafka import Record, TopicPartition
from tests.machine.model.state import Deed, Key, conflict_key, says
from tests.machine.model.telling import notice_key

UNFORESEEN = {"signal"}
"""Subjects that the model leaves out: what a lender's desk is told of prices and funds bears on no decision. That they are
written once, in order, by a decision that says so, is looked at all the same."""

Body = dict[str, Any]
Place = tuple[str, int, int]
Logs = Mapping[TopicPartition, list[Record]]


@dataclass(slots=True)
class Observed:
    """One intake record and what became of it. ``answer`` is its decision; None: it was quarantined."""

    principal: str
    subject: str
    body: Body
    answer: Body | None
    deeds: list[Deed] = field(default_factory=list)


@dataclass(slots=True)
class Story:
    """All that an exchange has written. ``by_seq``: decided records by slot and sequence. ``problems``: what no model is
    needed to see. ``named``: conflicts and notices by their ids."""

    by_seq: dict[tuple[int, int], Observed] = field(default_factory=dict)
    requests: list[Observed] = field(default_factory=list)
    named: dict[str, Key] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)


def read_story(logs: Logs, decoder: Decoder, *, whole: bool = True) -> Story:
    """Put the records of all topics together. ``whole`` is false if these are not all records of the exchange."""
    story = Story()
    decisions, by_decision = _decisions(story, logs, decoder, whole=whole), {}
    for place, (principal, subject, body) in _intake(logs, decoder):
        answers = decisions.pop(place, [])
        if len(answers) != 1:
            story.problems.append(f"{place}: {len(answers)} decisions on one record")
            continue
        answer = answers[0]
        observed = Observed(principal, subject, body, answer if "outcome" in answer else None)
        story.by_seq[answer["slot"], answer["slot_seq"]] = observed
        if observed.answer:
            by_decision[answer["decision_id"]] = observed
        if principal == "internal":
            story.requests.append(observed)
    story.problems += [f"{place}: a decision on no record" for place in decisions]
    _deeds(story, logs, decoder, by_decision)
    return story


def _intake(logs: Logs, decoder: Decoder) -> Iterable[tuple[Place, tuple[str, str, Body]]]:
    for partition, records in sorted(logs.items()):
        kind, _, principal = partition.topic.partition(".")
        if kind != "intake":
            continue
        for record in records:
            try:
                subject, body = decoder.decode(record.value)
            except DecodeError:
                subject, body = "", {}
            yield (record.topic, record.partition, record.offset), (principal, subject, body)


def _decisions(story: Story, logs: Logs, decoder: Decoder, *, whole: bool) -> dict[Place, list[Body]]:
    found: dict[Place, list[Body]] = {}
    for partition, records in sorted(logs.items()):
        if not partition.topic.startswith(("decision.", "quarantine.")):
            continue
        for record in records:
            body = decoder.decode(record.value)[1]
            place = (body["intake_topic"], body["intake_partition"], body["intake_offset"])
            found.setdefault(place, []).append(body)
            if body["slot"] != partition.partition:
                story.problems.append(f"{place}: decided in the partition of another slot")
    seqs: dict[int, list[int]] = {}
    for bodies in found.values():
        for body in bodies:
            seqs.setdefault(body["slot"], []).append(body["slot_seq"])
    for slot, numbers in seqs.items():
        if whole and sorted(numbers) != list(range(1, len(numbers) + 1)):
            story.problems.append(f"slot {slot}: its sequence is not dense")
    return found


def _deeds(story: Story, logs: Logs, decoder: Decoder, by_decision: Mapping[str, Observed]) -> None:
    events: set[str] = set()
    revisions: dict[tuple[str, str], list[int]] = {}
    for partition, records in sorted(logs.items()):
        if not partition.topic.startswith("exchange."):
            continue
        for record in records:
            subject, body = decoder.decode(record.value)
            key = (subject, body["entity_id"])
            if body["event_id"] in events:
                story.problems.append(f"{key}: the event {body['event_type']} was made twice")
            events.add(body["event_id"])
            revisions.setdefault(key, []).append(body["revision"])
            owner = by_decision.get(body["decision_id"])
            if owner is None:
                story.problems.append(f"{key}: revision {body['revision']} is of no decision")
            elif subject not in UNFORESEEN:
                owner.deeds.append(deed_of(story, subject, body))
    for key, numbers in revisions.items():
        # One slot writes them in order; what was handed over to another slot went on there.
        if sorted(numbers) != list(range(1, len(numbers) + 1)) or (
            numbers != sorted(numbers) and key[0] != "seizure"
        ):
            story.problems.append(f"{key}: revisions {numbers}")


def deed_of(story: Story, subject: str, body: Body) -> Deed:
    """A record of the exchange, as the model says it."""
    key: Key = (subject, body["entity_id"])
    if subject == "conflict":
        key = conflict_key(body["kind"], [(s["subject"], s["entity_id"]) for s in body["sides"]])
        if story.named.setdefault(body["entity_id"], key) != key:
            story.problems.append(f"{body['entity_id']}: one id for two conflicts")
    elif subject == "notice":
        attempt = (body["about_subject"], body["about_entity_id"])
        key = notice_key(attempt, (body["cause_subject"], body["cause_entity_id"]))
        story.named[body["entity_id"]] = key
    status = body.get("status", body.get("contract_status"))
    if subject == "unit":
        body = body | {
            "counts": [(c["restriction"], c["count"]) for c in body["restriction_counts"] or ()],
            "noted": [
                (r["entity_id"], r["source"], r["feedback_kind"], r["reported_at"])
                for r in body["reports"] or ()
            ],
        }
    return Deed(key, body["event_type"], body["revision"], status, says(subject, body))
