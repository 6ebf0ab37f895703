"""From an event at its source to a department's finished job: tax, a bank and the provident fund, on the running exchange."""

import itertools
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from broker.topics import group_prefix
from consumers.subscription import Subscription
from consumers.tax import PrefillLedger
from qianbei.site import Site
from schemas.files import latest_version, load_schema
from schemas.jsonform import from_json
from tests.support.door_client import file, known_client, site_token
from tests.support.exchange import until
from tests.support.front_door import new_id
from tests.support.homes import Document, household_of, lease_of, sale_of, title_of
from tests.support.latest import OFFICER, example_json
from tests.support.story import Event, new_house_code

ICBC_USCC = "91411400MA4000012N"
_people = itertools.count(time.time_ns() // 1_000_000 % 10_000_000)

Clients = dict[str, httpx.Client]


@pytest.fixture
def clients(site: Site, url: str) -> Iterator[Clients]:
    """A client of each principal that has a part in these jobs."""
    with ExitStack() as opened:
        yield {
            principal: opened.enter_context(known_client(url, site_token(site, principal)[1]))
            for principal in ("bureau", "civil", "registry", "tax", "bank.icbc", "fund")
        }


def somebody() -> Document:
    """A person of a passport that nobody else has."""
    return {"id_type": "3", "id_no": f"E{next(_people):08d}"}


def sent(clients: Clients, principal: str, subject: str, body: dict[str, Any], **changes: Any) -> None:
    """One event, accepted."""
    schema = load_schema(subject, latest_version(subject))
    own = {"event_id": new_id(), "source": principal, "version": 1} | changes
    known = {field["name"] for field in schema["fields"]}
    whole = {name: value for name, value in (body | own).items() if name in known}
    answer = file(clients[principal], Event(principal, subject, from_json(schema, whole)))
    assert answer.status_code == 200, answer.text


def filed(clients: Clients, principal: str, subject: str, body: dict[str, Any]) -> None:
    """A contract signed, then filed."""
    unsigned = {"event_type": "SIGNED", "contract_status": "SIGNED", "filing_no": None, "filed_at": None}
    sent(clients, principal, subject, body, **unsigned)
    sent(clients, principal, subject, body, version=2, event_type="FILED")


def a_unit(clients: Clients) -> str:
    """A finished dwelling of the building table."""
    house = new_house_code()
    unit = example_json("unit", "registered")
    sent(clients, "bureau", "unit", unit, entity_id=house, house_code=house)
    return house


def numbered(house: str, prefix: str) -> dict[str, Any]:
    """A contract's own numbers, and its house."""
    number = f"{prefix}-{house}"
    return {"entity_id": number, "contract_no": number, "filing_no": f"BA-{number}", "house_code": house}


def asking(
    clients: Clients, principal: str, name: str, purpose: str, **asked: Any
) -> Callable[[], dict[str, Any]]:
    """A question that is asked again each time."""
    body = {"officer": OFFICER, "purpose": purpose, "business_no": "YW-1", "asked": asked}

    def ask() -> dict[str, Any]:
        answer = clients[principal].post(f"/v1/query/{principal.partition('.')[0]}/{name}", json=body)
        assert answer.status_code == 200, answer.text
        told: dict[str, Any] = answer.json()["answer"]
        return told

    return ask


class Until:
    """Stops a subscription as soon as something is so; fails if it does not come to be."""

    def __init__(self, true: Callable[[], bool]) -> None:
        self._true = true
        self._deadline = time.monotonic() + 60

    def is_set(self) -> bool:
        assert time.monotonic() < self._deadline, "the records did not come within 60 s"
        return self._true()

    def wait(self, timeout: float) -> bool:
        time.sleep(min(timeout, 0.05))
        return self.is_set()


def a_sold_home(clients: Clients, buyer: Document, **changes: Any) -> dict[str, Any]:
    """A sale of an existing home of 89.50 m² for 560,000 yuan, as the bureau files it."""
    sale = sale_of(1, somebody(), buyer) | numbered(a_unit(clients), "JYHT") | changes
    filed(clients, "bureau", "sale", sale)
    return sale


def test_tax_has_the_declaration_filled_in_and_taken_back(clients: Clients, site: Site) -> None:
    buyer, spouse = somebody(), somebody()
    sent(clients, "civil", "household", household_of(new_id(), buyer, spouse=spouse))
    other = title_of(2, spouse, entity_id=new_id(), house_code=a_unit(clients))
    sent(clients, "registry", "title", other)
    sale = a_sold_home(clients, buyer)
    form = asking(clients, "tax", "sale_prefill", "TAX_PREFILL", contract_no=sale["filing_no"])
    until("the form", lambda: form()["deed_tax"] is not None, 30)
    # The second home of the couple, of at most 90 m²: 560000 × 1 %; held since 2003: no VAT.
    assert (form()["state"], form()["deed_tax"]) == ("PREFILLED", "5600.00")
    assert [one["homes"] for one in form()["households"] if one["role"] == "BUYER"] == [1]

    # The same, without a question, from the stream: the contract itself declares the homes.
    ledger, number = PrefillLedger(), sale["entity_id"]
    group = group_prefix("tax") + new_id()
    subscription = Subscription(site.settings("tax"), group, ["dept.tax.sale.v1"], dead_letters=False)
    subscription.run(ledger, Until(lambda: ledger.lines.get(number) is not None))
    line = ledger.lines.get(number)
    assert line is not None
    assert line.taxes.deed_tax.figure.value == 5600

    ended = {"event_type": "CANCELLED", "contract_status": "CANCELLED", "cancel_reason": "双方协商一致"}
    sent(
        clients,
        "bureau",
        "sale",
        sale,
        version=3,
        cancelled_at=f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
        **ended,
    )
    subscription.run(ledger, Until(lambda: ledger.reversals.get(number) is not None))
    assert ledger.lines.get(number) is None
    until("the reversal", lambda: form()["state"] == "REVERSED", 30)
    assert form()["deed_tax"] == "-5600.00"


def test_a_bank_has_contract_homes_and_base_of_a_loan_and_follows_its_mortgage(clients: Clients) -> None:
    applicant = somebody()
    sale = a_sold_home(
        clients, applicant, payment_method="3", lender_name="商丘甲银行", lender_uscc=ICBC_USCC
    )
    number = sale["contract_no"]
    own = {"applicant": applicant, "contract_no": number}
    contract = asking(clients, "bank.icbc", "applicant_contract", "HOME_LOAN_REVIEW", **own)
    until("the contract", lambda: bool(contract()["matched"]), 30)
    assert contract()["sales"][0]["contract_status"] == "FILED"
    stranger = asking(
        clients,
        "bank.icbc",
        "applicant_contract",
        "HOME_LOAN_REVIEW",
        applicant=somebody(),
        contract_no=number,
    )
    assert stranger() == {"matched": False, "sales": []}
    units = asking(clients, "bank.icbc", "household_units", "HOME_COUNT", borrower=applicant, unmarried=True)
    assert units()["unit_count"] == 1
    base = asking(clients, "bank.icbc", "loan_base", "LOAN_BASE", unmarried=True, **own)()
    # min(560000, 575000), no home beside it.
    assert (base["loan_base"], base["unit_count"]) == ("560000.00", 0)
    assert base["least_down_payment"] is not None

    mortgage = example_json("mortgage", "filed") | numbered(sale["house_code"], "DY")
    first, *_ = [party for party in mortgage["parties"] if party["role"] == "MORTGAGOR"]
    lender = [party for party in mortgage["parties"] if party["role"] == "MORTGAGEE"]
    parties = [first | applicant, *lender, first | applicant | {"role": "DEBTOR"}]
    on_sale = {"sale_contract_no": number, "parties": parties, "contract_kind": "41"}
    filed(clients, "bank.icbc", "mortgage", mortgage | on_sale)
    status = asking(clients, "bank.icbc", "mortgage_status", "MORTGAGE_STATUS", contract_no=number)
    until("the mortgage", lambda: [m["contract_status"] for m in status()["mortgages"]] == ["FILED"], 30)
    assert [one["contract_no"] for one in status()["sales"]] == [number]


def test_the_fund_decides_on_filed_rent_and_the_tax_offices_invoice(clients: Clients) -> None:
    tenant, house = somebody(), a_unit(clients)
    term = {"lease_start": "2021-01-01", "lease_end": "2021-12-31"}
    lease = lease_of(1, somebody(), tenant, occupants=[]) | numbered(house, "ZL") | term
    filed(clients, "bureau", "lease", lease)
    period = {"period_start": "2021-01-01", "period_end": "2021-12-31", "unmarried": True}
    basis = asking(clients, "fund", "withdrawal_basis", "RENT_WITHDRAWAL", claimant=tenant, **period)
    # 12 × 1200, as soon as the lease is filed.
    until("the filed rent", lambda: basis()["withdrawal"] == "14400.00", 30)
    assert (len(basis()["leases"]), basis()["unit_count"]) == (1, 0)
    invoice = example_json("feedback", "rent-invoice") | {
        "entity_id": new_id(),
        "contract_no": lease["contract_no"],
    }
    year = {"period_start": "2021-01-01", "period_end": "2021-12-31", "amount": "13200.00"}
    sent(clients, "tax", "feedback", invoice | year, about_entity_id=lease["entity_id"], house_code=house)
    until("the invoice", lambda: basis()["withdrawal"] == "13200.00", 30)
    assert basis()["leases"][0]["invoiced_rent"] == "13200.00"
