"""The sources: what bureau, banks, court, registry and the others send, over a few houses and people.

``books`` is what they all have in common, ``contracts`` the bureau and the banks, ``court`` the court; here are the
others.
"""

from tests.machine.books import Body, Event, Slip, golden
from tests.machine.contracts import Contracts
from tests.machine.court import Court
from tests.machine.people import ALIASES, party


class World(Contracts, Court):
    """All sources."""

    def alias(self, pair: int, principal: str) -> Event:
        """``pair``: of ``ALIASES``; beyond them, a house that got another code."""
        entity_id = self.new_id("alias")
        if pair >= len(ALIASES):
            codes = {"house_code": self.houses[0].code, "alias_house_code": self.houses[1].code}
            body = golden("alias", "house-recoded") | {"entity_id": entity_id} | codes
            return self.begin("bureau", "alias", "LINKED", body)
        old, new = ALIASES[pair]
        body = golden("alias", "id-card-renewed") | {
            "entity_id": entity_id,
            "parties": [party("OLD", self.documents[old]), party("NEW", self.documents[new])],
        }
        return self.begin(principal, "alias", "LINKED", body)

    def title(self, house: int, kind: str, rights: str, sale: int | None) -> Event:
        entity_id = self.new_id("title")
        body = golden("title", "registered") | {
            "entity_id": entity_id,
            "house_code": self.houses[house].code,
            "realty_unit_no": self.houses[house].realty_unit_no,
            "title_kind": kind,
            "rights_status_code": rights,
            "pre_notice_kind": "1" if kind == "PRE_NOTICE" else None,
            "sale_contract_no": self.sale_no(sale),
        }
        return self.begin("registry", "title", "REGISTERED", body)

    def next_title(self, which: int, step: int, rights: str, slip: Slip) -> Event | None:
        """``rights``: its status from a change on."""

        def change(body: Body, event_type: str) -> Body:
            return body | {"rights_status_code": rights} if event_type == "CHANGED" else body

        return self.go_on("title", which, step, change, slip)

    def feedback(self, house: int | None, principal: str, kind: str) -> Event:
        """``house``: what it is about; None: not about a house."""
        code = None if house is None else self.houses[house].code
        body = golden("feedback", "tax-paid") | {
            "entity_id": self.new_id("feedback"),
            "feedback_kind": kind,
            "house_code": code,
            "about_subject": "unit" if code else "project",
            "about_entity_id": code or "PR-0",
            "parties": [],
        }
        return self.begin(principal, "feedback", "REPORTED", body)

    def other(self, subject: str) -> Event:
        """Subjects that no rule looks at."""
        name, principal = {"watch": ("opened", "court"), "household": ("recorded", "civil")}[subject]
        body = golden(subject, name) | {"entity_id": self.new_id(subject)}
        return self.begin(principal, subject, name.upper(), body)
