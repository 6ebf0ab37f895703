"""The state machine: a history is what the sources send and what the scheduler does, drawn by hypothesis.

At its end everything is let settle, and what the exchange wrote is held against what the model says. A failing history
is shrunk and printed as a program; ``@reproduce_failure`` runs it again.
"""

from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import rule

from tests.machine.books import RIGHT, Slip
from tests.machine.drawn import BUYERS, HOUSE, NOTICE, STEP, WHICH
from tests.machine.events import Events


class Sources(Events):
    """Events, and what seldom comes about by single ones: two or three of them that belong together."""

    @rule(
        house=HOUSE,
        buyers=BUYERS,
        kind=st.sampled_from(("12", "21")),
        named_by=st.sampled_from((None, None, "notice", "mortgage", "listing")),
        step=STEP,
        later=st.none() | BUYERS,
        slip=st.sampled_from((RIGHT, RIGHT, RIGHT, RIGHT, Slip(form="filing_no"), Slip(form="status"))),
    )
    def deal(
        self,
        house: int,
        buyers: tuple[int, ...],
        kind: str,
        named_by: str | None,
        step: int,
        later: tuple[int, ...] | None,
        slip: Slip,
    ) -> None:
        """A sale signed and filed, perhaps with something that names it or its buyer, and what becomes of it."""
        world = self.world
        self._send(world.sale(house, buyers, kind, 0, 0, draft=False), prompt=True)
        self._send(world.next_sale(0, 0, None, RIGHT), prompt=True)
        if named_by == "notice":
            self._send(world.title(house, "PRE_NOTICE", "1", 0), prompt=True)
        elif named_by == "mortgage":
            self._send(world.mortgage(house, 1, 0, "42", 1, 30), prompt=True)
        elif named_by == "listing":
            self._send(world.listing(buyers[0], "DEFAULTER", None), prompt=True)
            step = 0  # an amendment: of all steps it is the one that looks at buyers
        if step < 6:
            self._send(world.next_sale(0, step, later, slip), prompt=True)

    @rule(**NOTICE)
    def rivals(self, prompt: bool, **drawn: Any) -> None:
        """Two courts at once; the second notice may have been served before the first."""
        self._send(self.world.seizure(**drawn), prompt=prompt)
        second = {"served_hours_ago": 20, "kind": "1" if drawn["kind"] == "3" else "3", "slip": RIGHT}
        self._send(self.world.seizure(**drawn | second), prompt=True)

    @rule(
        which=WHICH,
        days=st.sampled_from((1, 30, 1500)),
        disposal=st.sampled_from((None, None, "WHOLE")),
        step=st.sampled_from((1, 2, 2)),
    )
    def seizure_ends_or_is_renewed(self, which: int, **drawn: Any) -> None:
        event = self.world.next_seizure(self.world.in_force(which), **drawn, changed="end", rekeyed=True)
        self._send(event, prompt=True)

    @rule(house=HOUSE, named=st.sampled_from(("contract", "realty")), found_by_court=st.booleans())
    def seizure_of_something_else(self, house: int, named: str, found_by_court: bool) -> None:
        """A contract that is not signed yet, or a realty unit; then the court finds the house, or the exchange does, which
        the court has not heard."""
        world = self.world
        which = house if named == "realty" else len(world.entities("sale"))
        self._send(world.seizure((named, which), "1", 0, None, None, dated=False), prompt=True)
        if not found_by_court:
            self._send(world.sale(house, (0,), "12", None, 0, draft=True), prompt=True)
            self.backend.flow()
        days = 0 if found_by_court else 1
        event = world.next_seizure(0, 0, days, None, changed="target" if days == 0 else "end", rekeyed=False)
        self._send(event, prompt=True)
