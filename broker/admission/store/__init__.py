"""Admission's reads and writes in Postgres: a few set-based statements a batch, whatever its size.

``ownership``: slots, positions and what is not yet published; ``reading``: what deciding a batch takes; ``facts``: what
slots tell one another, and the locks that hold it still; ``writing``: what a batch changed; ``timers``: what is due; ``erasures``: who is
to be erased.
"""

from broker.admission.store.erasures import AskedErasure, asked_erasures
from broker.admission.store.facts import save_facts
from broker.admission.store.ownership import (
    positions,
    save_cursors,
    save_positions,
    slot_count,
    take_slots,
    unpublished,
)
from broker.admission.store.reading import Recall, load
from broker.admission.store.rows import Contended, DecisionRow, OutboxRow, SlotCursor
from broker.admission.store.timers import DueTimer, due_timers, save_timers
from broker.admission.store.writing import (
    DECIDED,
    replace_outbox,
    save_claims,
    save_decisions,
    save_entities,
    save_origins,
    tell_waiting,
)

__all__ = [
    "DECIDED",
    "AskedErasure",
    "Contended",
    "DecisionRow",
    "DueTimer",
    "OutboxRow",
    "Recall",
    "SlotCursor",
    "asked_erasures",
    "due_timers",
    "load",
    "positions",
    "replace_outbox",
    "save_claims",
    "save_cursors",
    "save_decisions",
    "save_entities",
    "save_facts",
    "save_origins",
    "save_positions",
    "save_timers",
    "slot_count",
    "take_slots",
    "tell_waiting",
    "unpublished",
]
