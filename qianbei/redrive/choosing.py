"""Which cases are meant, and whether their keys allow it: what concerns one house goes in its order."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from broker.errors import ConfigError
from qianbei.redrive.cases import State
from qianbei.redrive.planning import Plan
from schemas.said import said

_NAMED = 5


@dataclass(frozen=True, slots=True)
class Filter:
    """Which held cases are meant; None or nothing: all. ``since`` is inclusive and ``until`` is not; both are of the time
    of quarantine. ``keys`` are those that the content asks for, whatever key the record came with."""

    principal: str | None = None
    reason_code: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    keys: frozenset[str] = frozenset()

    def __bool__(self) -> bool:
        return self != Filter()

    def takes(self, plan: Plan) -> bool:
        """Whether a case is meant. One on which a decision stands, or is on its way, never is."""
        one, at = plan.case, plan.case.order[0]
        return (
            one.state is State.HELD
            and self.principal in (None, one.principal)
            and self.reason_code in (None, one.newest.reason)
            and (self.since is None or at >= self.since)
            and (self.until is None or at < self.until)
            and (not self.keys or plan.key in self.keys)
        )


def earlier_held(chosen: Iterable[Plan], plans: Iterable[Plan]) -> list[Plan]:
    """Of all plans those of held cases that are not chosen, and come before one of the same key that is."""
    taken = sorted(chosen, key=lambda plan: plan.case.order)
    mine = {plan.case.origin for plan in taken}
    # What is decided has no effect any more, so nothing can come before it.
    last = {plan.key: plan.case.order for plan in taken if plan.case.state is not State.DECIDED}
    return [
        plan
        for plan in plans
        if plan.case.state is State.HELD
        and plan.case.origin not in mine
        and plan.key in last
        and plan.case.order < last[plan.key]
    ]


def require_order(chosen: Sequence[Plan], plans: Sequence[Plan]) -> None:
    """Raises ConfigError if an earlier record of a key would be passed over."""
    left = earlier_held(chosen, plans)
    if left:
        named = ", ".join(plan.held.place for plan in left[:_NAMED])
        more = f" and {len(left) - _NAMED} more" if len(left) > _NAMED else ""
        raise ConfigError(
            said(
                "earlier records of the same keys are still in quarantine: {named}{more}. Redrive "
                "them too (name them, or widen the filter), or pass over them with --skip-earlier",
                named=named,
                more=more,
            )
        )


def lanes(plans: Iterable[Plan]) -> list[list[Plan]]:
    """The plans by key, each in its order."""
    found: dict[str, list[Plan]] = {}
    for plan in sorted(plans, key=lambda plan: plan.case.order):
        found.setdefault(plan.key, []).append(plan)
    return list(found.values())
