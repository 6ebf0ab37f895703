"""Planted mistakes of the law: each is one function of admission with a piece of its text exchanged.

A mistake is *caught* if a history of a seed is decided otherwise than by the model. ``SEEDS`` are asked in turn, that
which is known to catch first; so it stays deterministic when the histories change, and then only takes longer.
"""

import inspect
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import reduce
from importlib import import_module
from types import FunctionType
from typing import Any

from tests.machine.compare import Differs
from tests.machine.histories import Sources
from tests.machine.memory import InMemory
from tests.machine.seeded import play
from tests.machine.sizes import profile

SEEDS = range(12)
HISTORIES = 40
"""Of each seed."""
STEPS = 60


@dataclass(frozen=True)
class Mutation:
    """``where``: module of admission and function; ``right`` stands there once and becomes ``wrong``. ``seed``: one that is
    known to catch it."""

    name: str
    where: str
    right: str
    wrong: str
    seed: int = 0

    def function(self) -> FunctionType:
        module, _, path = self.where.partition(":")
        found: Any = reduce(getattr, path.split("."), import_module(f"broker.admission.{module}"))
        assert isinstance(found, FunctionType), f"{self.where} is no function"
        return found

    @contextmanager
    def planted(self) -> Iterator[None]:
        """The mistake is there, wherever the function is used."""
        function = self.function()
        text = textwrap.dedent(inspect.getsource(function))
        assert text.count(self.right) == 1, f"{self.where} has changed: plant '{self.name}' anew"
        scope: dict[str, Any] = {}
        exec(text.replace(self.right, self.wrong), function.__globals__, scope)
        # The code and not the function: it may stand in tables and under other names.
        sound, function.__code__ = function.__code__, scope[function.__name__].__code__
        try:
            yield
        finally:
            function.__code__ = sound


def caught(mutation: Mutation) -> int | None:
    """The first seed of which a history shows the mistake, the known one first; None: it survived all."""
    for number in dict.fromkeys((mutation.seed, *SEEDS)):
        with mutation.planted():
            survived = lawful(number)
        if not survived:
            return int(number)
    return None


def lawful(number: int) -> bool:
    """Whether all histories of a seed are decided as the model does."""
    machine = type("Mistaken", (Sources,), {"backend": InMemory()})
    try:
        play(machine, number, profile(HISTORIES, STEPS, shrink=False))
    except Differs:
        return False
    return True


MUTATIONS = (
    Mutation(
        "only the first buyer is checked",
        "rules.buyer_not_listed:_listed",
        'enumerate(sale["parties"])',
        'enumerate(sale["parties"][:2])',
    ),
    Mutation(
        "a listed seller is refused",
        "rules.buyer_not_listed:_listed",
        'party["role"] != "BUYER" or ',
        "",
        seed=1,
    ),
    Mutation(
        "an amendment judges buyers who were there before",
        "rules.buyer_not_listed:_known_buyers",
        "return frozenset(buyers(entity.state))",
        "return frozenset()",
        seed=2,
    ),
    Mutation(
        "the last day of a listing does not count",
        "rules.buyer_not_listed:_in_term",
        "today <= date",
        "today < date",
        seed=1,
    ),
    Mutation(
        "a removal does not end a listing",
        "facts:_of_defaulter",
        'emission.status != "LISTED"',
        'emission.status == "EXPIRED"',
        seed=2,
    ),
    Mutation(
        "aliases are not followed",
        "draft:Draft._linked",
        "waiting = [ref]",
        "waiting = []",
        seed=5,
    ),
    Mutation(
        "buyers are matched by name",
        "facts:refs_of",
        'yield party["party_ref"]',
        'yield party["name"]["ciphertext"].decode()',
    ),
    Mutation(
        "a term ends a day late",
        "seizures.due:fire",
        "until >= draft.today",
        "until >= draft.today - ONE_DAY",
    ),
    Mutation(
        "what is due happens only when it is asked for",
        "decide:what_is_due",
        "if internal.fires_itself(candidate):",
        "if candidate.subject != 'conflict':",
    ),
    Mutation(
        "the next term begins when the end is noticed",
        "seizures.due:fire",
        "begins=until + ONE_DAY",
        "begins=draft.today",
    ),
    Mutation(
        "the queue is in order of arrival",
        "seizures.queue:arrange",
        "(one.served_at, one.entity_id)",
        "one.entity_id",
    ),
    Mutation(
        "a pre-seizure stays one after registration",
        "seizures.queue:is_registered",
        "return any(",
        "return False and any(",
    ),
    Mutation(
        "a promoted seizure has the term that it states, however long",
        "seizures.terms:promoted_term",
        "min(limit, stated.last_day(begin))",
        "stated.last_day(begin)",
        seed=3,
    ),
    Mutation(
        "those who wait survive a disposal of the whole",
        "seizures.follow:_disposed_of_whole",
        "return in_force and",
        "return False and",
        seed=1,
    ),
    Mutation(
        "a waiting seizure clashes with a sale",
        "conflicts:_of_seizure",
        'emission.status == "EFFECTIVE"',
        'emission.status in ("EFFECTIVE", "WAITING")',
    ),
    Mutation(
        "a pre-seized unit may be sold",
        "rules.unit_not_seized:unit_not_seized",
        'claims[key].status == "EFFECTIVE"',
        'claims[key].status == "EFFECTIVE" and claims[key].kind == "1"',
    ),
    Mutation(
        "a conflict is never resolved by its house",
        "conflicts:_resolve_ended",
        "if ended in sides:",
        "if not sides:",
    ),
    Mutation(
        "a listing after the filing raises nothing",
        "conflicts:_ask_buyers",
        'draft.facts("buyer", same)',
        "()",
        seed=1,
    ),
    Mutation(
        "the rank of a mortgage is not looked at",
        "rules.mortgage_terms:_rank_taken",
        "if o.rank ==",
        "if -o.rank ==",
    ),
    Mutation(
        "a held seizure is not bound by its unit",
        "seizures.follow:_bind_held",
        'claims[key].status == "HELD"',
        'claims[key].status == "NEVER"',
    ),
    Mutation(
        "a renewal may be of any length",
        "rules.seizure_terms:_renewal",
        "if ends > years_after",
        "if False and ends > years_after",
        seed=1,
    ),
    Mutation(
        "an expired presale permit does",
        "rules.presale_permit:_valid",
        "until is None or on <=",
        "True or on <=",
    ),
    Mutation(
        "stock data is refused",
        "rules:_in_force",
        "Severity.WARN if baseline else ",
        "",
    ),
    Mutation(
        "a refusal is told each time that it is sent",
        "notices:issue",
        "if entity_id not in known:",
        "if True:",
    ),
    Mutation(
        "a mortgage interests nobody in the sale",
        "effects:_interest_changes",
        "if now != ",
        "if False and now != ",
    ),
)
