"""What happens to contracts, with what follows from it: a sale with its loan, tax and title; a lease with its invoices."""

from decimal import Decimal

from producers.simulator.contracts import LENDERS, OTHER_LENDER, Lender
from producers.simulator.docket import Deal, Home
from producers.simulator.dossier import Dossier
from producers.simulator.ledger import Record
from producers.simulator.people import Party
from producers.simulator.town import Happen, Life, Start, Town, Wait

_CENT = Decimal("0.01")


def sale_life(town: Town, home: Home) -> Life:
    """A home is sold: drafted sometimes, signed, filed, perhaps amended, and in the end completed or undone."""
    buyers = town.buyers()
    lender = _lender(town) if town.chance(0.6) else None
    record = town.contracts.sale(home.unit, home.owners, buyers, town.clock.now(), lender)
    if lender and town.chance(0.3):
        # The contract does not name who lends: the lender becomes interested only when its mortgage is filed.
        record["lender_name"] = record["lender_uscc"] = None
    sale = town.dossier("bureau", "sale", record)
    if town.chance(0.12):
        yield Happen(sale, "DRAFTED")
        yield town.days(2)
    if sale.status == "DRAFT" and town.chance(0.1):
        yield Happen(sale, "VOIDED", town.contracts.ending(town.clock.now(), "草签超时"))
        town.for_sale.append(home)
        return
    yield Happen(sale, "SIGNED", {"signed_at": town.clock.now()})
    if town.chance(0.04):
        yield town.days(3)
        yield Happen(sale, "VOIDED", town.contracts.ending(town.clock.now(), "网签超时未备案"))
        town.for_sale.append(home)
        return
    if town.chance(0.25):
        # Signing and filing are one step by 建房规〔2020〕4号; the others are filed within days.
        yield town.days(1)
    yield Happen(sale, "FILED", town.contracts.filing(town.clock.now()))
    town.docket.deals[sale.entity_id] = Deal(home, buyers, sale)
    yield from _filed_sale(town, home, buyers, sale, lender)


def _filed_sale(
    town: Town, home: Home, buyers: tuple[Party, ...], sale: Dossier, lender: Lender | None
) -> Life:
    # Parties change or cancel a contract before others rely on it: under a mortgage or a pre-notice they may not.
    if town.chance(0.1):
        yield town.days(5)
        yield Happen(sale, "AMENDED", {"version_no": 2, "decoration": "精装修"})
    undone = town.rng.choices((None, "CANCELLED", "REVOKED"), (960, 34, 6))[0]
    if undone != "CANCELLED":
        if lender:
            yield Start(loan_life(town, home, buyers, lender, sale))
        if town.chance(0.5):
            yield Start(_pre_notice(town, home, buyers, sale.entity_id))
    if undone:
        yield town.days(30)
        del town.docket.deals[sale.entity_id]
        reason = "双方协商解除" if undone == "CANCELLED" else "人民法院判决撤销"
        yield Happen(sale, undone, town.contracts.ending(town.clock.now(), reason))
        town.for_sale.append(home)
        return
    if town.chance(0.65):
        yield Start(_tax(town, home, sale))
    yield town.days(60)
    del town.docket.deals[sale.entity_id]
    yield Happen(sale, "COMPLETED")
    town.owned.append(Home(home.unit, buyers))
    title = town.offices.title(home.unit, buyers, town.clock.now(), sale.entity_id, is_notice=False)
    yield Happen(town.dossier("registry", "title", title), "REGISTERED")


def loan_life(
    town: Town, home: Home, owners: tuple[Party, ...], lender: Lender, sale: Dossier | None
) -> Life:
    """A loan secured on a home: for a sale, or on a home that one owns."""
    yield town.days(5)
    amount = (home.unit.listed_price * Decimal("0.6")).quantize(_CENT)
    sale_no = sale.entity_id if sale else None
    rank = town.docket.take_rank(home.unit)
    record = town.contracts.mortgage(home.unit, owners, lender, amount, town.clock.now(), sale_no, rank)
    principal = "bureau" if town.chance(0.1) else lender.principal
    mortgage = town.dossier(principal, "mortgage", record)
    if town.chance(0.1):
        yield Happen(mortgage, "DRAFTED")
        yield town.days(1)
    yield Happen(mortgage, "SIGNED", {"signed_at": town.clock.now()})
    if town.chance(0.03):
        yield town.days(2)
        yield Happen(mortgage, "VOIDED", town.contracts.ending(town.clock.now(), "贷款未获批准"))
        town.docket.free_rank(home.unit, rank)
        return
    yield Happen(mortgage, "FILED", town.contracts.filing(town.clock.now()))
    if lender.principal != "bureau" and town.chance(0.1):
        yield Start(
            _correction(town, lender.principal, home, "mortgage", mortgage.entity_id, "parties.phone")
        )
    if town.chance(0.06):
        yield town.days(30)
        yield Happen(mortgage, "AMENDED", {"version_no": 2, "secured_principal": amount - 10_000})
    if town.chance(0.3):
        yield town.days(90)
        ended = "REVOKED" if town.chance(0.05) else "CANCELLED"
        yield Happen(mortgage, ended, town.contracts.ending(town.clock.now(), "债务清偿"))
        town.docket.free_rank(home.unit, rank)


def lease_life(town: Town, home: Home) -> Life:
    """A home is let for a while."""
    lessees = town.people.couple()
    lease = town.dossier(
        "bureau", "lease", town.contracts.lease(home.unit, home.owners, lessees, town.clock.now())
    )
    if town.chance(0.08):
        yield Happen(lease, "DRAFTED")
        yield town.days(1)
    yield Happen(lease, "SIGNED", {"signed_at": town.clock.now()})
    if town.chance(0.03):
        yield town.days(1)
        yield Happen(lease, "VOIDED", town.contracts.ending(town.clock.now(), "未交押金"))
        return
    yield Happen(
        lease, "FILED", town.contracts.filing(town.clock.now()) | {"filing_cert_no": f"租{lease.entity_id}"}
    )
    if town.chance(0.5):
        yield Start(_residence(town, home, lease))
    if town.chance(0.3):
        yield Start(_invoice(town, home, lease))
    if town.chance(0.12):
        yield town.days(40)
        yield Happen(lease, "AMENDED", {"version_no": 2, "rent_period": "QUARTER"})
    if town.chance(0.35):
        yield town.days(100)
        ended = "REVOKED" if town.chance(0.05) else "CANCELLED"
        yield Happen(lease, ended, town.contracts.ending(town.clock.now(), "租期届满"))


def _lender(town: Town) -> Lender:
    return OTHER_LENDER if town.chance(0.08) else town.rng.choice(LENDERS)


def _pre_notice(town: Town, home: Home, buyers: tuple[Party, ...], sale_no: str) -> Life:
    yield town.days(8)
    record = town.offices.title(home.unit, buyers, town.clock.now(), sale_no, is_notice=True)
    notice = town.dossier("registry", "title", record)
    yield Happen(notice, "REGISTERED")
    if town.chance(0.1):
        yield town.days(20)
        yield Happen(notice, "CHANGED", {"annotation": "权利人证件号码变更"})
    if town.chance(0.3):
        yield town.days(60)
        yield Happen(
            notice,
            "CANCELLED",
            {"rights_status_code": "3", "cancelled_at": town.clock.now(), "cancel_reason": "已办理转移登记"},
        )


def _tax(town: Town, home: Home, sale: Dossier) -> Life:
    yield town.days(25)
    paid = town.offices.tax_paid(sale.state.record["total_price"], town.clock.now().date())
    yield from _feedback(town, "tax", "TAX_PAID", home, ("sale", sale.entity_id), paid)


def _residence(town: Town, home: Home, lease: Dossier) -> Life:
    yield town.days(6)
    result = {
        "result": "MATCHED" if town.chance(0.9) else "NOT_FOUND",
        "happened_on": town.clock.now().date(),
    }
    yield from _feedback(town, "police", "RESIDENCE_MATCH", home, ("lease", lease.entity_id), result)


def _invoice(town: Town, home: Home, lease: Dossier) -> Life:
    yield town.days(30)
    invoice = town.offices.rent_invoice(lease.state.record["rent_amount"], town.clock.now().date())
    yield from _feedback(town, "tax", "RENT_INVOICE", home, ("lease", lease.entity_id), invoice)


def _correction(town: Town, principal: str, home: Home, subject: str, entity_id: str, path: str) -> Life:
    yield town.days(3)
    yield from _feedback(
        town, principal, "CORRECTION", home, (subject, entity_id), town.offices.correction(path)
    )


def correction_life(town: Town, principal: str, home: Home) -> Life:
    """A department finds the building table wrong."""
    yield Wait(0.01)
    yield from _correction(town, principal, home, "unit", home.unit.house_code, "address")


def _feedback(
    town: Town, principal: str, kind: str, home: Home, about: tuple[str, str], extra: Record
) -> Life:
    unit = home.unit
    record = town.offices.feedback(unit.county, kind, about, unit.house_code, extra)
    feedback = town.dossier(principal, "feedback", record)
    yield Happen(feedback, "REPORTED")
    if town.chance(0.08):
        yield town.days(5)
        yield Happen(feedback, "CHANGED", {"explanation": "补充说明"})
    if town.chance(0.03):
        yield town.days(5)
        yield Happen(feedback, "WITHDRAWN")
