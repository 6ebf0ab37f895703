"""People with homes for questions about them: records in JSON form, made of the golden examples."""

from typing import Any

from tests.support.latest import Latest, example_json

Document = dict[str, str]

WIFE, HUSBAND, SON, SELLER, TENANT = (
    {"id_type": "1", "id_no": number}
    for number in (
        "411499198511150025",
        "411499199003070015",
        "411499201506010030",
        "411499196802291232",
        "411499200001010604",
    )
)


def house(n: int) -> str:
    """The code of the n-th house of these people."""
    return f"HOUSE-{n}"


def title_of(n: int, *holders: Document, **changes: Any) -> dict[str, Any]:
    """The title of a house: a complete dwelling with an address of its own."""
    title = example_json("title", "registered")
    parties = [title["holders"][0] | holder | {"share": None} for holder in holders]
    own = {"entity_id": f"T-{n}", "house_code": house(n), "address": f"样本路{n}号", "holders": parties}
    return title | {"status": "ACTIVE"} | own | changes


def sale_of(n: int, seller: Document, *buyers: Document, **changes: Any) -> dict[str, Any]:
    """A sale of an existing home of 89.50 m² for 560,000 yuan, appraised at 575,000, bought by its seller in 2003."""
    sale = example_json("sale", "existing-home")
    first, second, *_ = ({k: v for k, v in one.items() if k != "party_ref"} for one in sale["parties"])
    whole = {"share": None, "share_text": None, "household_no": None}
    sellers, bought = [first | seller], [second | whole | buyer for buyer in buyers]
    own = {"entity_id": f"S-{n}", "contract_no": f"S-{n}", "filing_no": f"BA-{n}", "house_code": house(n)}
    return sale | own | {"address": f"样本路{n}号", "parties": [*sellers, *bought]} | changes


def household_of(entity_id: str, head: Document, **others: Document) -> dict[str, Any]:
    """A household record: its head, and others by their relation in small letters."""
    household = example_json("household", "recorded")
    member = household["members"][0]
    members = [
        member | one | {"relation": relation.upper()} for relation, one in {"head": head, **others}.items()
    ]
    return household | {"entity_id": entity_id, "members": members, "status": "ACTIVE"}


def lease_of(n: int, lessor: Document, lessee: Document, **changes: Any) -> dict[str, Any]:
    """A residential lease of 76.20 m² for 1,200 yuan a month, from 2021-01-01 to 2021-12-31."""
    lease = example_json("lease", "filed")
    parties = [lease["parties"][0] | lessor, lease["parties"][1] | lessee]
    term = {"lease_start": "2021-01-01", "lease_end": "2021-12-31"}
    own = {"entity_id": f"L-{n}", "contract_no": f"L-{n}", "filing_no": f"LB-{n}", "house_code": house(n)}
    return lease | own | term | {"parties": parties} | changes


def answered(latest: Latest, department: str, name: str, asked: Any, **changes: Any) -> dict[str, Any]:
    """The answer of a call that is answered."""
    answer = latest.ask(department, name, asked, **changes)
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()["answer"]
    return told
