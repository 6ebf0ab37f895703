"""One house and what its bureau, banks and court do about it, in memory; with all that the exchange asks of itself."""

import uuid
from typing import Any

from broker.admission.model import Body, EntityKey, Verdict
from tests.support.drafts import HOUSE, Exchange
from tests.support.story import example

ZHANG, LI, ZHANG_BEFORE, ZHANG_ABROAD = "a" * 64, "b" * 64, "c" * 64, "d" * 64
PRINCIPALS = {
    "sale": "bureau",
    "mortgage": "bank.icbc",
    "defaulter": "court",
    "alias": "police",
    "watch": "court",
}
EXAMPLES = {
    "sale": "presale",
    "mortgage": "filed",
    "defaulter": "listed",
    "alias": "id-card-renewed",
    "watch": "opened",
}


class Town(Exchange):
    """One house and what is done about it. Contracts are of the house, by default signed by Zhang."""

    def tell(
        self, subject: str, event_type: str, entity_id: str, *, settle: bool = True, **changes: Any
    ) -> Verdict:
        """A record of what was told before, or of something new. ``settle``: what it asks of others is decided too."""
        known = self.workspace.entities.get(EntityKey(subject, entity_id))
        body: Body = (known.state if known else None) or example(subject, EXAMPLES[subject])
        principal, version = PRINCIPALS[subject], (known.highest_version if known else 0) + 1
        own = {
            "event_id": str(uuid.uuid4()),
            "event_type": event_type,
            "entity_id": entity_id,
            "source": principal,
            "version": version,
        }
        verdict = self.decide(principal, subject, body | own | changes)
        if settle:
            self.settle(verdict.requests)
        return verdict

    def contract(self, subject: str, event_type: str, name: str, **changes: Any) -> Verdict:
        filed = event_type not in ("DRAFTED", "SIGNED", "VOIDED")
        own = {
            "contract_status": event_type,
            "contract_no": name,
            "filing_no": f"BA-{name}" if filed else None,
            "house_code": HOUSE,
        }
        return self.tell(subject, event_type, name, **(own | changes))

    def sale(
        self, event_type: str, name: str = "S1", buyers: tuple[str, ...] = (ZHANG,), **changes: Any
    ) -> Verdict:
        template = example("sale", "presale")["parties"][0]
        parties = [template | {"role": "BUYER", "party_ref": ref} for ref in buyers]
        own = {"contract_kind": "12", "parties": parties, "lender_uscc": None}
        return self.contract("sale", event_type, name, **(own | changes))

    def mortgage(self, event_type: str, name: str = "M1", sale: str | None = None, **changes: Any) -> Verdict:
        return self.contract("mortgage", event_type, name, sale_contract_no=sale, **changes)

    def list_(
        self, ref: str = ZHANG, name: str = "L1", event_type: str = "LISTED", **changes: Any
    ) -> Verdict:
        party = example("defaulter", "listed")["parties"][0] | {"party_ref": ref}
        return self.tell(
            "defaulter", event_type, name, **({"parties": [party], "expires_on": None} | changes)
        )

    def link(
        self, old: str, new: str, name: str = "B1", event_type: str = "LINKED", *, settle: bool = True
    ) -> Verdict:
        template = example("alias", "id-card-renewed")["parties"]
        parties = [party | {"party_ref": ref} for party, ref in zip(template, (old, new), strict=True)]
        return self.tell("alias", event_type, name, settle=settle, parties=parties)

    def history(self) -> list[tuple[str, str, int]]:
        """What became of all conflicts, in order: kind, event, revision."""
        told = [e.body for e in self.emissions if e.key.subject == "conflict"]
        return [(body["kind"], body["event_type"], body["revision"]) for body in told]
