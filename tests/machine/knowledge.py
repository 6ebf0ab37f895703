"""What admission knows, put together without a registry: every released schema under an id of our own."""

from functools import cache
from typing import Any

from broker.admission.batch import Decider
from broker.admission.checks import compile_all
from broker.admission.decide import Law
from broker.admission.records import Encoders
from broker.admission.service import FillPartyRefs, Knowledge
from broker.codec import Decoder, Encode, Released, encoder
from broker.protected import fill_party_refs, party_lists
from broker.topics import decision_topic, quarantine_topics
from schemas.catalogue import load_catalogue
from schemas.files import ANSWERS, latest_version, load_schema, parsed, released_versions
from schemas.policies import load_policy

PARTY_KEY = b"a key of no exchange"

_RECORDS = (*load_catalogue().subjects, *ANSWERS)


def _id(record: str, version: int) -> int:
    return 1000 + 20 * _RECORDS.index(record) + version


@cache
def encoders() -> dict[str, Encode]:
    """By record name, in its newest version. Intake and exchange share the ids."""
    return {r: encoder(_id(r, latest_version(r)), parsed(r, latest_version(r))) for r in _RECORDS}


@cache
def decoder() -> Decoder:
    known = [Released(r, v, _id(r, v), parsed(r, v)) for r in _RECORDS for v in released_versions(r)]
    return Decoder({found.schema_id: found for found in known})


def _party_refs() -> FillPartyRefs:
    lists = {s: party_lists(load_schema(s, latest_version(s))) for s in load_catalogue().subjects}

    def fill(subject: str, body: dict[str, Any], *, own: bool = False) -> None:
        fill_party_refs(body, PARTY_KEY, lists[subject], own=own)

    return fill


@cache
def decider(slots: int) -> Decider:
    catalogue = load_catalogue()
    schemas = {subject: load_schema(subject, latest_version(subject)) for subject in catalogue.subjects}
    law = Law(catalogue, load_policy(), compile_all(schemas))
    made = encoders()
    answers = {decision_topic(p): made["decision"] for p in catalogue.principals}
    answers |= dict.fromkeys(quarantine_topics(catalogue), made["quarantine"])
    revisions = {subject: made[subject] for subject in catalogue.subjects}
    return Decider(law, Encoders(revisions, revisions, answers), slots)


@cache
def knowledge(slots: int) -> Knowledge:
    """As ``broker.admission.opening.know`` gives it."""
    return Knowledge(decoder(), decoder(), decider(slots), _party_refs())
