"""An independent model of what the exchange must decide, written from the rules as they are told.

It imports nothing of the exchange. It decides one record after another, in a given order and at given times, over plain
dicts, with no thought of slots, locks or batches: what one slot must ask of another comes to it as a record like any
other.

``state``    what is known, and what a decision brings about
``gate``     the stages: same event, identity, version, lifecycle
``rules``    the law at the gate
``queue``    seizures: their queue, terms, promotion, conversion, binding
``clashes``  late conflicts
``telling``  notices of refusals
``board``    sale status and restrictions of a unit
``deciding`` all of it, in order
"""

from tests.machine.model.deciding import Model
from tests.machine.model.state import Decision, Deed

__all__ = ["Decision", "Deed", "Model"]
