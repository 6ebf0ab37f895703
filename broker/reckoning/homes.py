"""How many homes a household has (住房套数), what makes each count, and why the others do not (docs/reckoning.md, 1).

Counted are complete dwellings that a member holds by a current title, or has bought by a contract that is filed and not
cancelled (建房〔2010〕83号; 建房〔2020〕61号 二). A house counts once, whoever of the household holds it and however many
records say so. A company's houses are not its owner's.

Records are taken as they stand: of each entity the newest revision. Nothing is looked at that began after ``as_of``, but
what has ended since is not brought back.
"""

from collections.abc import Collection
from datetime import date

from broker.reckoning.family import Family
from broker.reckoning.homes_answer import Basis, Holdings, Home, HomeCount, LeftOut, Note, Why
from broker.reckoning.homes_claims import CLAIMS, Asked, Held, House, houses
from broker.reckoning.records import Dwelling
from schemas.reckoning import HomeRule, Treatment

__all__ = ["Basis", "Holdings", "Home", "HomeCount", "LeftOut", "Note", "Why", "count_homes"]


def count_homes(
    family: Family,
    holdings: Holdings,
    rule: HomeRule,
    *,
    as_of: date,
    coverage: Collection[str],
    apart_from: Collection[str] = (),
) -> HomeCount:
    """Count a household's homes within the counties of ``coverage``, the houses of ``apart_from`` set apart.

    ``rule`` is the edition in force on ``as_of`` where the question is asked.
    """
    asked = Asked(family, rule, as_of, frozenset(coverage), frozenset(apart_from))
    judged = [_judged(house, asked) for house in houses(holdings)]
    homes = tuple(found for found in judged if isinstance(found, Home))
    left_out = tuple(found for found in judged if isinstance(found, LeftOut))
    return HomeCount(
        len(homes), homes, left_out, family, as_of, rule.version, rule.legal_basis, tuple(sorted(coverage))
    )


def _judged(house: House, asked: Asked) -> Home | LeftOut:
    if why := _set_aside(house, asked):
        return LeftOut(house.code, why, house.evidence())
    reasons: list[Why] = []
    for claim in CLAIMS:
        found = claim(house, asked)
        if isinstance(found, Held):
            return _as_dwelling(house, found, asked.rule)
        reasons += [found] if found else []
    return LeftOut(house.code, reasons[0] if reasons else _whose(house, asked), house.evidence())


def _set_aside(house: House, asked: Asked) -> Why | None:
    if house.code in asked.apart_from:
        return Why.SET_APART
    return None if house.county_code in asked.coverage else Why.OUTSIDE_COVERAGE


def _whose(house: House, asked: Asked) -> Why:
    """Why no member has a claim at all."""
    if any(asked.family.among(sale.sellers) for sale in house.sales):
        return Why.TITLE_NOT_KNOWN
    owners = [*(p for t in house.titles for p in t.holders), *(p for s in house.sales for p in s.buyers)]
    return Why.NOT_OF_HOUSEHOLD if any(owner.is_person for owner in owners) else Why.CORPORATE_OWNER


def _as_dwelling(house: House, held: Held, rule: HomeRule) -> Home | LeftOut:
    """What a member has is a home if it is a complete dwelling: the unit's word goes before the title's and contract's."""
    told = (*((house.unit.dwelling,) if house.unit else ()), *held.dwellings)
    use = next((one.use for one in told if one.use is not None), None)
    if use is not None and use not in rule.dwelling_uses:
        return LeftOut(house.code, Why.NOT_DWELLING, house.evidence())
    complete = _complete(told, use, rule)
    if complete is None and rule.unknown_dwelling is Treatment.LEAVE_OUT:
        return LeftOut(house.code, Why.DWELLING_UNKNOWN, house.evidence())
    if complete is False:
        return LeftOut(house.code, Why.NOT_COMPLETE, house.evidence())
    notes = held.notes | ({Note.DWELLING_UNKNOWN} if complete is None else set())
    notes |= {Note.UNIT_WITHDRAWN} if house.unit and house.unit.is_withdrawn else set()
    unit = frozenset({house.unit.source}) if house.unit else frozenset()
    return Home(
        house.code,
        house.county_code,
        held.basis,
        tuple(sorted(held.evidence | unit)),
        tuple(sorted(notes)),
    )


def _complete(told: tuple[Dwelling, ...], use: str | None, rule: HomeRule) -> bool | None:
    """Whether it is a complete dwelling: as the records say, else as its use implies, else not known."""
    for one in told:
        if one.is_complete is not None:
            return one.is_complete
    if use in rule.complete_uses:
        return True
    return False if use in rule.incomplete_uses else None
