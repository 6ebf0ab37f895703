"""What one look at an inbox came to, and whoever takes batches from one."""

from dataclasses import dataclass
from typing import Protocol

from broker.batches.format import Receipt
from broker.batches.inbox import Look

NOT_WELL = ("REFUSED", "NOT_SENT", "SET_ASIDE")
"""Outcomes of records that somebody must look at."""


@dataclass(frozen=True, slots=True)
class Received:
    """What one look at the inbox came to."""

    look: Look
    receipt: Receipt | None

    @property
    def clean(self) -> bool:
        """Whether nothing was rejected, nothing waits and every record went well, now or before."""
        unwell = any(self.receipt.outcomes.get(name) for name in NOT_WELL) if self.receipt else False
        # What waits while another batch moves may be the next one.
        waits = self.look.waiting and not self.look.moved
        return not (self.look.rejected or waits or unwell)


class Reader(Protocol):
    """Takes the batches of one inbox."""

    def receive(self) -> Received:
        """Take at most one batch. Raises Unavailable or OwnershipLost; then begin anew, nothing is lost."""
