"""What the bureau and the banks send: projects, units, sales, leases, mortgages."""

from datetime import datetime, timedelta
from decimal import Decimal

from tests.machine.books import RIGHT, Body, Books, Event, Slip, golden
from tests.machine.people import LENDERS, SELLER, party


class Contracts(Books):
    """The building table (楼盘表), and the contracts on it."""

    def unit(self, house: int, *, realty: bool) -> Event:
        home = self.houses[house]
        return self.begin(
            "bureau",
            "unit",
            "REGISTERED",
            golden("unit", "registered")
            | {
                "entity_id": home.code,
                "house_code": home.code,
                "realty_unit_no": home.realty_unit_no if realty else None,
                "sale_status": None,
                "restrictions": ["DEMOLITION"] if house == 2 else None,
            },
        )

    def next_unit(
        self, house: int, step: int, word: str | None, *, realty: bool, slip: Slip = RIGHT
    ) -> Event | None:
        """``word``: what the bureau says of its sale; ``realty``: whether it has a realty unit number by now."""
        known, home = self.entities("unit"), self.houses[house]

        def change(body: Body, _event: str) -> Body:
            told = {"sale_status": word, "restrictions": None if word else ["LOCKED", "MORTGAGED"]}
            return body | told | {"realty_unit_no": home.realty_unit_no if realty else body["realty_unit_no"]}

        return self.go_on("unit", len(known) - 1 - known.index(home.code), step, change, slip)

    def _contract(self, subject: str, name: str, house: int, *, draft: bool, slip: Slip) -> tuple[Body, str]:
        entity_id = self.new_id(subject)
        home = self.houses[house]
        body = golden(subject, name) | {
            "entity_id": entity_id,
            "contract_no": f"NO-{entity_id}",
            "house_code": home.code,
            "realty_unit_no": home.realty_unit_no,
            "signed_at": self._clock(),
            "filing_no": None,
            "filed_at": None,
        }
        if slip.baseline:
            return filed(body, self._clock()), "AMENDED" if draft else "FILED"
        return body, "DRAFTED" if draft else "SIGNED"

    def sale(
        self,
        house: int,
        buyers: tuple[int, ...],
        kind: str,
        lender: int | None,
        permit: int,
        *,
        draft: bool,
        slip: Slip = RIGHT,
    ) -> Event:
        """``draft``: sent as a draft first; of stock data: amended already."""
        body, event_type = self._contract("sale", "presale", house, draft=draft, slip=slip)
        body |= {
            "contract_kind": kind,
            "parties": self._sides(buyers, kind),
            "lender_uscc": None if lender is None else LENDERS[lender][1],
            "presale_permit_no": self.permit_no(permit) if kind == "11" else None,
            "title_cert_no": "豫(2020)商丘市不动产权第0000001号" if kind == "21" else None,
        }
        return self.begin("bureau", "sale", event_type, body, slip)

    def _sides(self, buyers: tuple[int, ...], kind: str) -> list[Body]:
        """An existing home (存量房) is sold by a person, who may be listed himself."""
        person = next(n for n in range(len(self.documents)) if n not in buyers)
        seller = self.documents[person] if kind == "21" else SELLER
        sides = [party("SELLER", seller)]
        return sides + [party("BUYER", self.documents[b], co_ownership_code="1") for b in buyers]

    def sale_no(self, which: int | None) -> str | None:
        """The number of a sale, counted from the last; of one not sent yet where there are not so many."""
        if which is None:
            return None
        last = len(self.entities("sale")) - 1
        return f"NO-SA-{self.run}-{last - which if which <= last else which}"

    def next_sale(self, which: int, step: int, buyers: tuple[int, ...] | None, slip: Slip) -> Event | None:
        """``buyers``: who they are from an amendment on; None: as before."""

        def change(body: Body, event_type: str) -> Body:
            if event_type == "AMENDED" and buyers is not None:
                body = body | {"parties": self._sides(buyers, body["contract_kind"])}
            return self._filed(body, event_type)

        return self.go_on("sale", which, step, change, slip)

    def _filed(self, body: Body, event_type: str) -> Body:
        if event_type in ("DRAFTED", "SIGNED", "VOIDED") or body["filing_no"]:
            return body
        return filed(body, self._clock())

    def next_contract(
        self, subject: str, which: int, step: int, rank: int | None, slip: Slip = RIGHT
    ) -> Event | None:
        """``rank``: that of a mortgage from an amendment on; None: as before."""

        def change(body: Body, event_type: str) -> Body:
            if event_type == "AMENDED" and rank is not None and subject == "mortgage":
                body = body | {"rank": rank}
            return self._filed(body, event_type)

        return self.go_on(subject, which, step, change, slip)

    def mortgage(
        self, house: int, lender: int, sale: int | None, kind: str, rank: int, amount: int, slip: Slip = RIGHT
    ) -> Event:
        """``sale``: that it stands on, as ``sale_no`` has it. ``amount``: in tens of thousands of yuan."""
        body, event_type = self._contract("mortgage", "filed", house, draft=False, slip=slip)
        principal, uscc = LENDERS[lender]
        body |= {
            "mortgagee_uscc": uscc,
            "sale_contract_no": self.sale_no(sale),
            "contract_kind": kind,
            "rank": rank,
            "secured_principal": Decimal(amount * 10_000),
            "parties": [party("MORTGAGOR", self.documents[0])],
        }
        return self.begin(principal, "mortgage", event_type, body, slip)

    def lease(self, house: int, years: int, days: int, slip: Slip = RIGHT) -> Event:
        body, event_type = self._contract("lease", "filed", house, draft=False, slip=slip)
        start = body["lease_start"]
        end = start.replace(year=start.year + years) + timedelta(days=days - 1)
        return self.begin("bureau", "lease", event_type, body | {"lease_end": end}, slip)

    # -- projects ------------------------------------------------------------------------------------------------------

    def permit_no(self, which: int) -> str:
        return f"商房预字{2020000 + which}-{self.run}号"

    def project(self, permits: tuple[int, ...], days: int | None) -> Event:
        """``days``: how long its permits are valid from today."""
        body = golden("project", "registered") | {"entity_id": self.new_id("project")}
        permitted = {"presale_permits": self._permits(permits, days)}
        return self.begin("bureau", "project", "REGISTERED", body | permitted)

    def next_project(
        self, which: int, step: int, permits: tuple[int, ...], days: int | None, slip: Slip
    ) -> Event | None:
        changed = {"presale_permits": self._permits(permits, days)}
        return self.go_on("project", which, step, lambda body, _event: body | changed, slip)

    def _permits(self, permits: tuple[int, ...], days: int | None) -> list[Body]:
        model = golden("project", "registered")["presale_permits"][0]
        until = None if days is None else self.today + timedelta(days=days)
        return [model | {"presale_permit_no": self.permit_no(p), "valid_until": until} for p in permits]


def filed(body: Body, at: datetime) -> Body:
    """A contract with its filing number."""
    return body | {"filing_no": f"BA-{body['entity_id']}", "filed_at": max(at, body["signed_at"])}
