"""A citizen's own contracts: those in which his document stands under his name."""

import unicodedata
from collections.abc import Iterable, Mapping
from typing import Annotated, Any

from pydantic import Field

from broker.protected import present
from broker.query.asked import Asked, Person, Text
from broker.query.cutting import Given
from broker.query.definition import Definition
from broker.query.reading import Reading
from broker.query.records import Record

LISTS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "sales": ("sale", ("BUYER", "SELLER")),
    "leases": ("lease", ("LESSOR", "LESSEE")),
    "mortgages": ("mortgage", ("MORTGAGOR", "DEBTOR")),
}
"""By the answer's list: the subject, and the roles in which a contract is one's own."""

WITHHELD = "withheld"
"""Not a list of the answer: whether something was not disclosed, since the document stands there under another name."""

LEAST_LEVEL = 3
_MIDDLE_DOTS = str.maketrans(dict.fromkeys("·•‧∙⋅・･．.", ""))


class Citizen(Person):
    """Whom the platform has verified, as its own records name him."""

    name: Annotated[Text, Field(description="姓名 name")]
    level: Annotated[
        int,
        Field(
            ge=1,
            le=4,
            strict=True,
            description=f"实名核验级别 level of verification, 1 to 4; at least {LEAST_LEVEL} (实人) is needed",
        ),
    ]
    session_no: Annotated[
        Text, Field(max_length=64, description="平台会话编号 the platform's number of the citizen's session")
    ]


class OwnContracts(Asked):
    """The citizen who asks, and nothing else: nobody can ask about another's."""

    citizen: Citizen


async def own_contracts(asked: OwnContracts, reading: Reading) -> Given:
    """Every signed contract, whatever became of it; drafts are nobody's contract yet."""
    known, lists = await reading.of_person(
        asked.citizen,
        lambda refs: [
            reading.finding_parties(subject, refs, roles=roles) for subject, roles in LISTS.values()
        ],
    )
    refs, name = frozenset(known), asked.citizen.name
    given: dict[str, Any] = {}
    for (listed, (_, roles)), records in zip(LISTS.items(), lists, strict=True):
        signed = [one for one in records if one["contract_status"] != "DRAFT"]
        own = [(one, _roles(one, refs, roles, name)) for one in signed]
        given[listed] = [one | {"own_roles": found} for one, found in own if found]
        given[WITHHELD] = given.get(WITHHELD, False) or any(not found for _, found in own)
    return given


def _roles(record: Record, refs: frozenset[str], roles: Iterable[str], name: str) -> list[str]:
    """In which roles the person is a party; none if his document stands there under another name."""
    own = [p for p in record["parties"] if p["party_ref"] in refs and p["role"] in roles]
    if not all(stands_under(p, name) for p in own):
        return []
    return list(dict.fromkeys(p["role"] for p in own))


def stands_under(party: Record, name: str) -> bool:
    """Whether a party of a record stands there under this name."""
    return plain_name(present(party["name"]) or "") == plain_name(name)


def plain_name(name: str) -> str:
    """A name as it is compared: widths, blanks, case and the dots within a name make no other person."""
    folded = unicodedata.normalize("NFKC", name).translate(_MIDDLE_DOTS)
    return "".join(folded.split()).casefold()


DEFINITION = Definition("gov", "own_contracts", OwnContracts, own_contracts)
