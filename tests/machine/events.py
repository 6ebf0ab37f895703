"""What the sources send, one event at a time, and the clock."""

from typing import Any, ClassVar, Protocol

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from tests.machine.books import RIGHT, Event, Known, Slip
from tests.machine.drawn import (
    BUYERS,
    HOUSE,
    JUMP,
    NEW,
    NOTICE,
    PERSON,
    PROMPT,
    RENEWED_BY,
    SLIP,
    SOME_DAYS,
    STEP,
    WHICH,
)
from tests.machine.world import World


class Backend(Protocol):
    """What a history is played on."""

    run: int

    def begin(self) -> None: ...

    def clock(self) -> Any: ...

    def look(self, subject: str, entity_id: str) -> Known: ...

    def send(self, event: Event) -> None: ...

    def send_raw(self, principal: str, slot: int, key: bytes, value: bytes) -> None: ...

    def flow(self) -> None: ...

    def jump(self, hours: int) -> None: ...

    def sweep(self) -> None: ...

    def check(self) -> None: ...


class Events(RuleBasedStateMachine):
    """Single events, right and wrong."""

    backend: ClassVar[Backend]

    def __init__(self) -> None:
        super().__init__()
        self.backend.begin()
        self.world = World(self.backend.run, self.backend.clock, self.backend.look)

    def _send(self, event: Event | None, *, prompt: bool) -> None:
        if event is not None:
            self.backend.send(event)
        if prompt:
            self.backend.flow()

    @initialize(units=st.sampled_from((7, 7, 7, 3, 5, 1)), realty=st.booleans(), permits=st.booleans())
    def city(self, units: int, realty: bool, permits: bool) -> None:
        for house in range(3):
            if units >> house & 1:
                self.backend.send(self.world.unit(house, realty=realty))
        if permits:
            self.backend.send(self.world.project((0, 1), 40))
        self.backend.flow()

    # -- bureau and banks ----------------------------------------------------------------------------------------------

    @rule(
        house=HOUSE,
        realty=st.booleans(),
        step=STEP,
        word=st.sampled_from((None, "00", "20")),
        slip=SLIP,
        prompt=PROMPT,
    )
    def unit(self, house: int, realty: bool, step: int, word: str | None, slip: Slip, prompt: bool) -> None:
        if self.world.houses[house].code not in self.world.entities("unit"):
            self._send(self.world.unit(house, realty=realty), prompt=prompt)
        else:
            # Withdrawn only now and then: nothing can be signed on the house afterwards.
            rare = step if step == 7 else 0
            self._send(self.world.next_unit(house, rare, word, realty=realty, slip=slip), prompt=prompt)

    @rule(
        house=HOUSE,
        buyers=BUYERS,
        kind=st.sampled_from(("11", "12", "12", "21")),
        lender=st.sampled_from((None, 0, 1, 2)),
        permit=st.integers(0, 2),
        draft=st.sampled_from((False, False, True)),
        slip=NEW,
        prompt=PROMPT,
    )
    def sale(self, prompt: bool, **drawn: Any) -> None:
        self._send(self.world.sale(**drawn), prompt=prompt)

    @rule(which=WHICH, step=STEP, buyers=st.none() | BUYERS, slip=SLIP, prompt=PROMPT)
    def sale_goes_on(self, prompt: bool, **drawn: Any) -> None:
        self._send(self.world.next_sale(**drawn), prompt=prompt)

    @rule(
        house=HOUSE,
        lender=st.integers(0, 2),
        sale=st.none() | st.integers(0, 2),
        kind=st.sampled_from(("41", "42", "42", "43")),
        rank=st.integers(1, 2),
        amount=st.sampled_from((30, 50, 90)),
        slip=NEW,
        prompt=PROMPT,
    )
    def mortgage(self, prompt: bool, **drawn: Any) -> None:
        self._send(self.world.mortgage(**drawn), prompt=prompt)

    @rule(house=HOUSE, years=st.sampled_from((1, 20, 20)), days=st.integers(0, 2), slip=NEW, prompt=PROMPT)
    def lease(self, prompt: bool, **drawn: Any) -> None:
        self._send(self.world.lease(**drawn), prompt=prompt)

    @rule(
        subject=st.sampled_from(("mortgage", "mortgage", "lease")),
        which=WHICH,
        step=STEP,
        rank=st.sampled_from((None, 1, 2)),
        slip=SLIP,
        prompt=PROMPT,
    )
    def contract_goes_on(self, prompt: bool, **drawn: Any) -> None:
        self._send(self.world.next_contract(**drawn), prompt=prompt)

    # -- court -----------------------------------------------------------------------------------------------------------

    @rule(**NOTICE)
    def seizure(self, prompt: bool, **drawn: Any) -> None:
        self._send(self.world.seizure(**drawn), prompt=prompt)

    @rule(
        which=WHICH,
        step=STEP,
        days=RENEWED_BY,
        disposal=st.sampled_from((None, None, "WHOLE", "PARTIAL")),
        changed=st.sampled_from(("kind", "served", "start", "end", "target")),
        rekeyed=st.sampled_from((True, True, False)),
        slip=SLIP,
        prompt=PROMPT,
    )
    def seizure_goes_on(self, prompt: bool, **drawn: Any) -> None:
        self._send(self.world.next_seizure(**drawn), prompt=prompt)

    @rule(
        document=PERSON,
        list_type=st.sampled_from(("DEFAULTER", "DEFAULTER", "DEFAULTER", "CONSUMPTION")),
        days=SOME_DAYS,
        prompt=PROMPT,
    )
    def listing(self, prompt: bool, **drawn: Any) -> None:
        self._send(self.world.listing(**drawn), prompt=prompt)

    @rule(which=WHICH, step=STEP, document=st.none() | PERSON, days=SOME_DAYS, slip=SLIP, prompt=PROMPT)
    def listing_goes_on(self, prompt: bool, **drawn: Any) -> None:
        self._send(self.world.next_listing(**drawn), prompt=prompt)

    # -- the others --------------------------------------------------------------------------------------------------------

    @rule(
        pair=st.sampled_from((0, 0, 0, 1, 1, 2)),
        principal=st.sampled_from(("police", "court")),
        prompt=PROMPT,
    )
    def alias(self, prompt: bool, **drawn: Any) -> None:
        self._send(self.world.alias(**drawn), prompt=prompt)

    @rule(
        house=HOUSE,
        kind=st.sampled_from(("TITLE", "TRANSFER_COMPLETED", "PRE_NOTICE", "OBJECTION")),
        rights=st.sampled_from(("1", "1", "2")),
        sale=st.none() | st.integers(0, 2),
        prompt=PROMPT,
    )
    def title(self, prompt: bool, **drawn: Any) -> None:
        self._send(self.world.title(**drawn), prompt=prompt)

    @rule(
        subject=st.sampled_from(("alias", "alias", "feedback", "watch", "household")),
        which=WHICH,
        step=STEP,
        slip=SLIP,
        prompt=PROMPT,
    )
    def others_go_on(self, prompt: bool, **drawn: Any) -> None:
        self._send(self.world.go_on(**drawn), prompt=prompt)

    @rule(which=WHICH, step=STEP, rights=st.sampled_from(("1", "2")), slip=SLIP, prompt=PROMPT)
    def title_goes_on(self, prompt: bool, **drawn: Any) -> None:
        self._send(self.world.next_title(**drawn), prompt=prompt)

    @rule(which=WHICH, step=STEP, permits=st.sampled_from(((), (0,), (1, 2))), days=SOME_DAYS, prompt=PROMPT)
    def project(
        self, which: int, step: int, permits: tuple[int, ...], days: int | None, prompt: bool
    ) -> None:
        event = self.world.next_project(which, step, permits, days, RIGHT) if which % 3 else None
        self._send(event or self.world.project(permits, days), prompt=prompt)

    @rule(
        house=st.none() | HOUSE,
        principal=st.sampled_from(("tax", "police", "registry")),
        kind=st.sampled_from(("TAX_PAID", "CORRECTION")),
        prompt=PROMPT,
    )
    def feedback(self, prompt: bool, **drawn: Any) -> None:
        self._send(self.world.feedback(**drawn), prompt=prompt)

    @rule(
        kind=st.sampled_from(("watch", "household", "again", "again", "altered", "junk")),
        which=st.integers(0, 40),
        value=st.sampled_from((b"", b"\x00", b"no record", b"\x00\x00\x00\x03\xe9")),
        prompt=PROMPT,
    )
    def noise(self, kind: str, which: int, value: bytes, prompt: bool) -> None:
        """What no rule looks at; what was sent before, once more; what is no record."""
        if kind == "junk":
            self.backend.send_raw("bureau", which % 3, b"key", value)
        elif kind in ("again", "altered"):
            self._send(self.world.again(which, altered=kind == "altered"), prompt=prompt)
        else:
            self._send(self.world.other(kind), prompt=prompt)

    # -- time ------------------------------------------------------------------------------------------------------------------

    @rule(hours=JUMP, asked=st.booleans())
    def jump(self, hours: int, asked: bool) -> None:
        """Time passes; ``asked``: what has become due by it is asked for at once."""
        self.backend.jump(hours)
        if asked:
            self.backend.sweep()

    def teardown(self) -> None:
        self.backend.check()
