"""The queue of a house (轮候): by the time of service of the notice, to the microsecond; of equal ones by id.

The first is in force, the others wait. What was a pre-seizure (预查封) is a formal one once the title is registered.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import NamedTuple

from broker.admission.draft import Draft
from broker.admission.model import Body, EntityKey

QUEUED = frozenset({"WAITING", "EFFECTIVE"})
"""Statuses in which a seizure has a place in the queue of its house."""

PRE = frozenset({"3", "4"})
"""Kinds of a pre-seizure: 3 in force, 4 waiting. Formal ones are 1 and 2; a court may send a renewal as 5."""

FORMAL = frozenset({"1", "2"})

REGISTERED = frozenset({"TITLE", "TRANSFER_COMPLETED"})
"""Kinds of registered rights after which nothing on a house is a pre-seizure."""

_CURRENT = "1"
"""``rights_status_code`` 现势."""


class Standing(NamedTuple):
    """A seizure that has a place in the queue. ``formal``: no pre-seizure, or not any more."""

    entity_id: str
    served_at: datetime
    formal: bool


class Placement(NamedTuple):
    """Where a seizure stands: 1 is in force, 2, 3 … wait."""

    place: int
    formal: bool

    @property
    def first(self) -> bool:
        return self.place == 1

    @property
    def status(self) -> str:
        return "EFFECTIVE" if self.first else "WAITING"

    @property
    def kind(self) -> str:
        """The effective kind, a code of ``seizure_kind``."""
        if self.formal:
            return "1" if self.first else "2"
        return "3" if self.first else "4"

    @property
    def fields(self) -> Body:
        """As the seizure's revision carries it."""
        return {"effective_kind": self.kind, "queue_place": self.place}


def arrange(standing: Iterable[Standing]) -> Mapping[str, Placement]:
    """The place of each seizure by its id, in the order of the queue."""
    ordered = sorted(standing, key=lambda one: (one.served_at, one.entity_id))
    return {one.entity_id: Placement(place, one.formal) for place, one in enumerate(ordered, 1)}


def places(draft: Draft, house: str) -> Mapping[str, Placement]:
    """The place that each seizure of a house has by the draft's present state, in order."""
    return arrange(standings(draft, house))


def queue(draft: Draft, house: str) -> list[EntityKey]:
    """The seizures of a house that have a place, first to last."""
    return [EntityKey("seizure", entity_id) for entity_id in places(draft, house)]


def standings(draft: Draft, house: str) -> list[Standing]:
    """The seizures of a house that have a place, in no order."""
    claims, registered = draft.claims(house), is_registered(draft, house)
    keys = [key for key in draft.standing(house, "seizure") if claims[key].status in QUEUED]
    states = [draft.state(key) for key in keys]
    return [
        Standing(key.entity_id, state["served_at"], registered or is_formal(state, state))
        for key, state in zip(keys, states, strict=True)
    ]


def is_formal(body: Body, was: Body | None) -> bool:
    """Whether a seizure is no pre-seizure, whatever is registered. ``was``: its last accepted record.

    What was converted stays formal, whatever becomes of the title. A renewal sent as kind 5 is what it renews.
    """
    before = was["effective_kind"] if was else None
    if body["kind"] in PRE:
        return before in FORMAL and was is not None and was["kind"] not in FORMAL
    return body["kind"] in FORMAL or before not in PRE


def is_registered(draft: Draft, house: str) -> bool:
    """Whether the title of a house, or its transfer, is registered and current."""
    claims = draft.claims(house)
    titles = [key for key in draft.standing(house, "title") if claims[key].kind in REGISTERED]
    return any(draft.state(key)["rights_status_code"] == _CURRENT for key in titles)
