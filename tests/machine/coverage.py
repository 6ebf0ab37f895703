"""What the histories came upon: a rule that no history touches is not tested by any."""

from collections import Counter
from collections.abc import Iterator

from broker.admission.erasing import ERASABLE
from broker.admission.reasons import REASONS
from schemas.catalogue import MadeBy, load_catalogue
from schemas.codelists import code_list
from schemas.retention import PARTY_ERASED
from tests.machine.observed import Story

OUT_OF_REACH = {"NO_TARGET", "NOT_DUE", "ALREADY_REDRIVEN"}
"""The field checks refuse a seizure of nothing before NO_TARGET is asked. NOT_DUE takes a clock that is set back at
midnight, for which there is a history by hand. Histories have no operator who sends in again what lies in quarantine: that is
tested for itself."""
NOT_ASKED_FOR = {"signal"}
"""Subjects that the model leaves out: see ``observed.UNFORESEEN``."""
ASKED = {("feedback", "NOTED"), ("watch", "SOUGHT"), ("feedback", "ANSWERED")}
ASKED |= {(subject, PARTY_ERASED) for subject in ERASABLE}
"""What is asked and never made; answers, which no history gives; erasures, which operators ask for and which are tested for
themselves."""
STAGES = range(1, 6)
FIELDS = 3
"""The stage of field checks, which are tested for themselves."""


class Coverage:
    """Counts of reason codes, events made and kinds of conflict, over all histories."""

    def __init__(self) -> None:
        self.found: Counter[tuple[str, str]] = Counter()

    def note(self, story: Story) -> None:
        for observed in story.by_seq.values():
            for reason in observed.answer["reasons"] if observed.answer else ():
                self.found["reason", reason["code"]] += 1
            for deed in observed.deeds:
                self.found[deed.key[0], deed.event_type] += 1
                if deed.key[0] == "conflict":
                    self.found["conflict kind", deed.key[1][0]] += 1

    @property
    def missing(self) -> list[str]:
        """What no history came upon."""
        return sorted(" ".join(name) for name in set(_wanted()) - self.found.keys())


def _wanted() -> Iterator[tuple[str, str]]:
    for code, kind in REASONS.items():
        if kind.stage in STAGES and kind.stage != FIELDS and code not in OUT_OF_REACH:
            yield "reason", code
    for code in code_list("conflict_kind").by_code:
        yield "conflict kind", code
    for name, subject in load_catalogue().subjects.items():
        for event_type, step in subject.lifecycle.items():
            asked = (name, event_type) in ASKED
            if step.by is MadeBy.EXCHANGE and name not in NOT_ASKED_FOR and not asked:
                yield name, event_type
