"""What the exchange asks of itself through ``intake.internal``: of which subjects, and where such a record belongs."""

from uuid import UUID, uuid5

from broker.admission.model import Body
from broker.slots import slot_key
from schemas.catalogue import Catalogue

REQUESTED = frozenset({"seizure", "defaulter", "conflict", "feedback", "watch"})
"""The subjects of requests; each is encoded with the subject's own schema."""

NOTED = "NOTED"
"""Asks a house's slot to note a feedback on its unit."""

ANSWERED = "ANSWERED"
"""Asks a report's slot to note the answer to it."""

UNNOTED: Body = {"parties": [], "proposed_value": None, "explanation": None}
"""What another slot need not know of a feedback: whom it concerns and what it proposes."""

HIT = "HIT"
"""Asks a watch's slot to note what has changed."""

SOUGHT = "SOUGHT"
"""Asks a house's slot to tell a watch how it stands there."""


def request_key(catalogue: Catalogue, subject: str, body: Body) -> str:
    """The key that a request must have: that of any such record, but a feedback goes to the house it is noted on, and what is
    sought for a watch to where it lies.

    A unit cannot be named instead: the slot of the feedback does not know it, and a record must be whole.
    """
    if subject == "feedback" and body["event_type"] == NOTED:
        return str(body["house_code"] or body["entity_id"])
    if subject == "watch" and body["event_type"] == SOUGHT:
        return str(body["house_code"] or body["hit_entity_id"])
    return slot_key(catalogue, subject, body)


def caused(cause_event_id: str, entity_id: str, event_type: str) -> str:
    """The id of an event that the exchange makes because of another: the same however often that is decided anew."""
    return str(uuid5(UUID(cause_event_id), f"{entity_id}:{event_type}"))
