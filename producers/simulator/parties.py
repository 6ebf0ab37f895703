"""Parties as records hold them. One dictionary a party and role, so that equal parties are one object."""

from decimal import Decimal
from typing import Any

from producers.simulator.ledger import Record
from producers.simulator.people import Party

_HALF = Decimal("0.500000")


def clear(text: str) -> Record:
    """A protected value while encryption is off."""
    return {"key_id": "clear", "nonce": b"", "ciphertext": text.encode()}


class PartyBook:
    """Gives the record form of a party in a role, made once."""

    def __init__(self) -> None:
        self._made: dict[tuple[str, str, str], Record] = {}

    def of(self, role: str, party: Party, ownership: str = "") -> Record:
        """The party in this role. ``ownership`` is its co-ownership code; "2" (by shares) gives it a half."""
        key = (role, party.id_no, ownership)
        made = self._made.get(key)
        if made is None:
            made = self._made[key] = _party(role, party, ownership)
        return made

    def owners(self, role: str, parties: tuple[Party, ...], by_shares: bool) -> list[Record]:
        """One owner, or two jointly or by halves."""
        ownership = "0" if len(parties) == 1 else "2" if by_shares else "1"
        return [self.of(role, party, ownership) for party in parties]


def _party(role: str, party: Party, ownership: str) -> Record:
    made: dict[str, Any] = {
        "role": role,
        "party_kind": party.kind,
        "name": clear(party.name),
        "id_type": party.id_type,
        "id_no": clear(party.id_no),
        "phone": clear(party.phone),
    }
    if party.household_no:
        made |= {"household_no": party.household_no, "nationality": "CHN"}
    if ownership:
        made["co_ownership_code"] = ownership
    if ownership == "2":
        made |= {"share": _HALF, "share_text": "1/2"}
    return made


def member(party: Party, relation: str | None = None) -> Record:
    """An occupant, or with ``relation`` a member of a household."""
    made = {"name": clear(party.name), "id_type": party.id_type, "id_no": clear(party.id_no)}
    return made if relation is None else made | {"relation": relation}
