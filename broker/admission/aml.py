"""Anti-money-laundering signals: what a lender's desk should know of a filed sale, made as the sale or its loan is filed.

The comparisons are those of ``broker.reckoning.signals``, their thresholds policy. They are made for each live sale that
a decision revises (a lender that joins or leaves revises it too) and for each mortgage filed on one:

==================  ===============================================================================================
PRICE_DEVIATION     the price against the sale's appraisal; against a mortgage's, for that mortgagee alone
FUNDS_DEVIATION     down payment and loan against the price, where both are known
REPEAT_RESALE       the day of signing against the day on which the seller had acquired
CANCEL_REFILE       the price against that of an ended contract of one of the buyers on the house
MANY_FILINGS        how many live sales the buyer has signed, over all houses
==================  ===============================================================================================

As a mortgage is filed, the last two are asked of its own parties: who borrows is who buys.

A signal is for the desk of each lender in the sale (the principal ``<lender>.aml``) and for nobody else: to tell the
customer, or those who deal with him, would be tipping off. Without a lender there is no desk and no signal. One entity a
kind and record: it is raised once, and revised when what it says or whom it is for has changed.
"""

from collections.abc import Iterable, Iterator
from datetime import date
from decimal import Decimal
from typing import NamedTuple
from uuid import NAMESPACE_URL, uuid5

from broker.admission.draft import Draft
from broker.admission.facts import buyers, concerned
from broker.admission.model import Body, Emission, EntityKey, Fact
from broker.admission.requests import caused
from broker.reckoning import signals
from broker.reckoning.signals import Signal
from schemas.catalogue import LIVE_STATUSES, Catalogue
from schemas.dates import day_in_china
from schemas.reckoning import SignalRule

RAISED = "RAISED"

MOST = Decimal("999999999999.999999")
"""A signal has room for no larger figure. An appraisal of one fen, which nobody may file in earnest, gives one."""


class _Found(NamedTuple):
    """A signal, the record that it is about, and the lenders whom it concerns."""

    signal: Signal
    about: EntityKey
    lenders: tuple[str, ...]


class _Filing(NamedTuple):
    """A sale as it stands in a decision, and whose dealings are looked at."""

    draft: Draft
    key: EntityKey
    sale: Body
    people: tuple[str, ...]
    rule: SignalRule


def signal_id(kind: str, about: EntityKey) -> str:
    """The same for the same kind and record."""
    return str(uuid5(NAMESPACE_URL, f"qianbei:signal:{kind}:{'/'.join(about)}"))


def raise_(draft: Draft, own: Emission, cause: str) -> None:
    """Raise and revise the signals that a decision gives rise to. Stock data tell of the past and give none."""
    if own.body["baseline"] or own.key.subject not in ("sale", "mortgage"):
        return
    rule = draft.reckoning.signals.on(own.body["county_code"], draft.today)
    if rule is None:
        return
    for key in _sales(draft, own):
        about = _Filing(draft, key, draft.state(key), _people(own, key), rule)
        told = [_tell(about, found, cause) for found in _of_sale(about)]
        _readdress(about, told, cause)


def _sales(draft: Draft, own: Emission) -> list[EntityKey]:
    """The live sales that the decision is about: the one filed, or those that the mortgage's loan is for."""
    if own.key.subject == "sale":
        return [own.key] if own.status in LIVE_STATUSES else []
    house = str(own.house_code)
    number = own.body["sale_contract_no"]
    claims = draft.claims(house)
    return [key for key in draft.standing(house, "sale") if claims[key].contract_no == number]


def _people(own: Emission, sale: EntityKey) -> tuple[str, ...]:
    """Of a mortgage's decision the facts of its own parties are at hand, not those of the sale's buyers."""
    if own.key == sale:
        return tuple(sorted(set(buyers(own.body))))
    return tuple(concerned(own.key.subject, own.body))


# -- comparisons -----------------------------------------------------------------------------------------------------


def _of_sale(about: _Filing) -> Iterator[_Found]:
    draft, sale = about.draft, about.sale
    if desks(draft.catalogue, sale["interested"] or ()):
        for found in _compared(about):
            yield _Found(found, about.key, tuple(sale["interested"]))
        for mortgage in _loans(draft, sale):
            body = draft.state(mortgage)
            if signal := _price(sale["total_price"], body["appraisal_price"], about.rule):
                yield _Found(signal, mortgage, tuple(body["interested"] or ()))


def _compared(about: _Filing) -> Iterator[Signal]:
    sale, rule = about.sale, about.rule
    found = (
        _price(sale["total_price"], sale["appraisal_price"], rule),
        _funds(sale, rule),
        _resale(sale, rule),
        _refiled(about),
        _many(about),
    )
    return (signal for signal in found if signal is not None)


def _loans(draft: Draft, sale: Body) -> list[EntityKey]:
    house = str(sale["house_code"])
    claims, number = draft.claims(house), sale["contract_no"]
    return [key for key in draft.standing(house, "mortgage") if claims[key].contract_no == number]


def _price(price: Decimal, appraisal: Decimal | None, rule: SignalRule) -> Signal | None:
    return signals.price_deviation(price, appraisal, rule) if appraisal else None


def _funds(sale: Body, rule: SignalRule) -> Signal | None:
    paid, lent, price = sale["down_payment"], sale["loan_amount"], sale["total_price"]
    if paid is None or lent is None or not price:
        return None
    return signals.funds_deviation(price, paid + lent, rule)


def _resale(sale: Body, rule: SignalRule) -> Signal | None:
    acquired = sale["prior_acquired_date"]
    return signals.repeat_resale(acquired, day_in_china(sale["signed_at"]), rule) if acquired else None


def _refiled(about: _Filing) -> Signal | None:
    """Of the ended contracts by which one of these people had this house, the one whose price is the furthest off."""
    draft, price = about.draft, about.sale["total_price"]
    people = {same for ref in about.people for same in draft.linked(ref)}
    found = (
        signals.cancel_refile(
            Decimal(str(was.detail("price"))), _fact_day(was, "day"), price, draft.today, about.rule
        )
        for was in draft.look("ended", str(about.sale["house_code"]))
        if not people.isdisjoint(str(was.detail("buyers")).split(","))
    )
    return _most(found)


def _many(about: _Filing) -> Signal | None:
    """Of these people, the one who has signed the most."""
    draft = about.draft
    this = {about.key.entity_id: day_in_china(about.sale["signed_at"])}
    found = (
        signals.many_filings((_signed(draft, ref) | this).values(), draft.today, about.rule)
        for ref in about.people
    )
    return _most(found)


def _signed(draft: Draft, ref: str) -> dict[str, date]:
    """The live sales that a party buys by, with the days on which they were signed."""
    facts = (fact for same in draft.linked(ref) for fact in draft.look("buyer", same))
    return {fact.entity_id: _fact_day(fact, "signed_on") for fact in facts if fact.detail("signed_on")}


def _most(found: Iterable[Signal | None]) -> Signal | None:
    made = (signal for signal in found if signal is not None)
    return max(made, key=lambda signal: abs(signal.measures[0].value), default=None)


def _fact_day(fact: Fact, name: str) -> date:
    return date.fromisoformat(str(fact.detail(name)))


# -- telling ---------------------------------------------------------------------------------------------------------------


def desks(catalogue: Catalogue, lenders: Iterable[str]) -> list[str]:
    """The anti-money-laundering desks of these lenders, of those that have one."""
    return sorted(name for lender in lenders if (name := f"{lender}.aml") in catalogue.principals)


def _tell(about: _Filing, found: _Found, cause: str) -> EntityKey:
    """Raise a signal, or revise it if it says something else by now."""
    draft, signal = about.draft, found.signal
    key = EntityKey("signal", signal_id(signal.kind, found.about))
    addressed = desks(draft.catalogue, found.lenders)
    says: Body = {
        "kind": signal.kind,
        "level": signal.level,
        "measures": [{"name": m.name, "value": min(m.value, MOST), "unit": m.unit} for m in signal.measures],
        "rule_version": signal.rule_version,
        "interested": addressed,
        "addressed_to": addressed,
    }
    known = draft.entity(key)
    told = {"about_revision": draft.known(found.about).revision, "raised_at": draft.at}
    event_id = caused(cause, key.entity_id, RAISED)
    if known is None and addressed:
        _create(about, found, key, event_id, says | told)
    elif known is not None and any(known.known[name] != value for name, value in says.items()):
        draft.change(key, RAISED, event_id, **(says | told))
    return key


def _create(about: _Filing, found: _Found, key: EntityKey, event_id: str, says: Body) -> None:
    about.draft.create(
        key.subject,
        key.entity_id,
        RAISED,
        event_id,
        RAISED,
        about_subject=found.about.subject,
        about_entity_id=found.about.entity_id,
        **{name: about.sale[name] for name in ("county_code", "house_code", "contract_no")},
        **says,
    )


def _readdress(about: _Filing, told: Iterable[EntityKey], cause: str) -> None:
    """What was raised earlier of this sale, and is not found again, stays raised for those who lend on it now."""
    draft, house = about.draft, str(about.sale["house_code"])
    addressed = desks(draft.catalogue, about.sale["interested"] or ())
    for key in draft.standing(house, "signal"):
        state = draft.state(key)
        of_sale = (state["about_subject"], state["about_entity_id"]) == about.key
        if of_sale and key not in set(told) and state["interested"] != addressed:
            event_id = caused(cause, key.entity_id, RAISED)
            draft.change(key, RAISED, event_id, interested=addressed, addressed_to=addressed)
