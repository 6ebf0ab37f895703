"""The law at the gate: one small pure function a rule, listed here in the order in which they are asked.

A rule sees a candidate and the view and returns its reasons; none means that it has no objection. All rules are asked,
so a refusal names everything that stands in the way. New rules (seizures, listed buyers, permits …) get a module of
their own beside these and one line in ``RULES``.
"""

from collections.abc import Callable, Sequence

from broker.admission.model import Candidate, View
from broker.admission.reasons import Reason
from broker.admission.rules.unit_free import unit_free
from broker.admission.rules.unit_known import unit_known

Rule = Callable[[Candidate, View], Sequence[Reason]]

RULES: tuple[Rule, ...] = (unit_known, unit_free)


def objections(candidate: Candidate, view: View) -> list[Reason]:
    """All that the rules hold against a candidate."""
    return [reason for rule in RULES for reason in rule(candidate, view)]
