"""What police, court and education ask, on a real Postgres: who lives where, everything on a matter, a year of rent."""

import json
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from broker.query.departments.police import CHECKS
from broker.query.reading import OPTIONS
from broker.query.records import SubjectTables, latest_specs
from schemas.codelists import code_list
from tests.support.latest import Latest, example_json, latest_on

LESSEE = {"id_type": "1", "id_no": "411499200001010604"}
CHILD = {"id_type": "1", "id_no": "411499201506010030"}
BUYER = {"id_type": "1", "id_no": "411499199003070015"}
SELLER = {"id_type": "1", "id_no": "411499198511150025"}
NOBODY = {"id_type": "3", "id_no": "E00000001"}
DEVELOPER = {"id_type": "USCC", "id_no": "91411400MA4000012N"}
LEASE, SALE = example_json("lease", "filed"), example_json("sale", "existing-home")
LET, BOUGHT = LEASE["house_code"], "41140200120200600001201016"


@pytest.fixture(scope="module")
def latest(dsn: str) -> Iterator[Latest]:
    with latest_on(dsn) as one:
        one.put("lease", LEASE)
        one.put("sale", bought("S-1", BUYER, SELLER))
        yield one


def bought(
    key: str, buyer: dict[str, str], seller: dict[str, str], house: str = BOUGHT, **changes: Any
) -> dict[str, Any]:
    kind = "2" if buyer["id_type"] == "USCC" else "1"
    parties = [
        {"role": role, "party_kind": kind, "name": "样例", **document}
        for role, document in (("BUYER", buyer), ("SELLER", seller))
    ]
    filed = {"contract_status": "FILED", "filed_at": "2020-12-01T02:00:00Z", "address": "梁园区归德路1号"}
    return (
        SALE
        | filed
        | {"entity_id": key, "contract_no": key, "house_code": house, "parties": parties}
        | changes
    )


def told(latest: Latest, department: str, name: str, asked: dict[str, Any]) -> dict[str, Any]:
    answer = latest.ask(department, name, asked)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()["answer"]
    return found


def dwells(latest: Latest, person: dict[str, str], **asked: Any) -> dict[str, Any]:
    return told(latest, "police", "lawful_dwelling", {"person": person, "on": "2021-03-01"} | asked)


def test_a_lawful_dwelling_by_lease_or_purchase_and_never_a_price(latest: Latest) -> None:
    tenant = dwells(latest, LESSEE, address=f" {LEASE['address']} ")
    assert tenant == {
        "lawful": True,
        "dwellings": [
            {
                "basis": "LEASE",
                "lives_as": "LESSEE",
                "contract_no": LEASE["contract_no"],
                "house_code": LET,
                "address": LEASE["address"],
                "filed_on": "2020-12-03",
                "term_start": "2020-12-05",
                "term_end": "2021-12-04",
            }
        ],
    }
    assert dwells(latest, CHILD, house_code=LET)["dwellings"][0]["lives_as"] == "OCCUPANT"
    owner = dwells(latest, BUYER, house_code=BOUGHT)
    assert [(one["basis"], one["term_end"]) for one in owner["dwellings"]] == [("PURCHASE", None)]
    for person, where in (
        (LESSEE, {"house_code": BOUGHT}),
        (LESSEE, {"address": "别处"}),
        (LESSEE, {"house_code": LET, "on": "2022-01-01"}),
        (SELLER, {"house_code": BOUGHT}),
        (BUYER, {"house_code": BOUGHT, "on": "2020-11-30"}),
        (NOBODY, {"house_code": LET}),
    ):
        assert dwells(latest, person, **where) == {"lawful": False, "dwellings": []}


def test_a_dwelling_needs_a_place(latest: Latest) -> None:
    answer = latest.ask("police", "lawful_dwelling", {"person": LESSEE, "on": "2021-03-01"})
    assert answer.status_code == 422
    assert answer.json()["problems"][0]["how"] == "give address or house_code"


def test_a_house_that_was_sold_on_is_no_dwelling_any_more(latest: Latest) -> None:
    house = "41140200100120034000502033"
    latest.put("sale", bought("S-2", BUYER, SELLER, house, contract_status="COMPLETED"))
    assert dwells(latest, BUYER, house_code=house)["lawful"]
    later = {"filed_at": "2021-01-05T02:00:00Z", "occurred_at": "2021-02-01T02:00:00Z"}
    latest.put("sale", bought("S-3", NOBODY, BUYER, house, contract_status="COMPLETED", **later))
    assert not dwells(latest, BUYER, house_code=house)["lawful"]
    assert dwells(latest, BUYER, house_code=house, on="2021-01-31")["lawful"]
    school = {"parent": BUYER, "address": "梁园区归德路1号"}
    assert told(latest, "education", "home_for_admission", school)["matched"], "he still has the other one"


def test_a_recoded_house_is_found_under_both_codes(latest: Latest) -> None:
    latest.put(
        "alias",
        example_json("alias", "house-recoded"),
        status="LINKED",
        house_code=LET,
        alias_house_code="NEW-CODE",
        parties=[],
    )
    assert dwells(latest, LESSEE, house_code="NEW-CODE")["lawful"]


def test_tenants_of_a_house_and_houses_of_a_tenant(latest: Latest) -> None:
    tenants = told(latest, "police", "tenants_of_house", {"house_code": LET, "on": "2021-03-01"})["leases"]
    assert [one["contract_no"] for one in tenants] == [LEASE["contract_no"]]
    assert {o["id_no"] for o in tenants[0]["occupants"]} == {LESSEE["id_no"], CHILD["id_no"]}
    assert "1200" not in json.dumps(tenants), "no rent"
    later = told(latest, "police", "tenants_of_house", {"house_code": LET, "on": "2021-12-05"})
    assert later == {"leases": []}
    houses = told(latest, "police", "houses_of_tenant", {"person": CHILD, "on": "2021-03-01"})["leases"]
    assert [(one["house_code"], one["lives_as"]) for one in houses] == [(LET, "OCCUPANT")]
    assert "parties" not in houses[0]


def test_the_rate_counts_the_newest_check_of_each_home(latest: Latest) -> None:
    base = example_json("feedback", "residence-match") | {"status": "ACTIVE", "county_code": "411424"}
    checks = [
        ("K-1", "L-1", "NOT_MATCHED", "2020-12-01", {}),
        ("K-2", "L-1", "MATCHED", "2020-12-02", {}),
        ("K-3", "L-2", "NOT_MATCHED", "2020-12-03", {}),
        ("K-4", "L-3", "MATCHED", "2020-12-31", {}),
        ("K-5", "L-4", "NOT_MATCHED", "2021-01-01", {}),
        ("K-6", "L-5", "NOT_MATCHED", "2020-12-05", {"status": "WITHDRAWN"}),
        ("K-7", "L-6", "PAID", "2020-12-05", {"feedback_kind": "TAX_PAID"}),
    ]
    for key, about, result, day, more in checks:
        latest.put(
            "feedback",
            base | {"entity_id": key, "about_entity_id": about, "result": result, "happened_on": day} | more,
        )
    asked = {"county_codes": ["411424", "411425"], "since": "2020-12-01", "until": "2020-12-31"}
    assert told(latest, "police", "consistency_rate", asked)["counties"] == [
        {"county_code": "411424", "checked": 3, "matched": 2, "rate": "0.6667"}
    ]
    refused = latest.ask("police", "consistency_rate", asked | {"until": "2021-12-01"})
    assert refused.status_code == 422


# --- court ----------------------------------------------------------------------------------------------------


def test_everything_on_a_person_comes_in_bounded_pages(latest: Latest) -> None:
    for n in range(5):
        latest.put("sale", bought(f"D-{n}", BUYER, DEVELOPER, f"D-HOUSE-{n}"))
    listed = example_json("defaulter", "listed")
    latest.put(
        "defaulter", listed, parties=[listed["parties"][0] | DEVELOPER | {"party_kind": "2"}], status="LISTED"
    )
    asked: dict[str, Any] = {"person": DEVELOPER, "page_size": 2}
    contracts: list[str] = []
    pages = [told(latest, "court", "everything_on_person", asked)]
    while pages[-1]["next"]:
        pages.append(told(latest, "court", "everything_on_person", asked | {"after": pages[-1]["next"]}))
        assert len(pages) < 9
    for page in pages:
        assert sum(len(page[name]) for name in page if name not in {"next", "units"}) <= 2
        contracts += [one["contract_no"] for one in page["sales"]]
    assert contracts == [f"D-{n}" for n in range(5)]
    assert [len(page["listings"]) for page in pages] == [0, 0, 1]
    assert told(latest, "court", "everything_on_person", asked | {"page_size": 6})["next"] is None
    wrong = latest.ask("court", "everything_on_person", asked | {"after": "nothing:1"})
    assert [one["path"] for one in wrong.json()["problems"]] == ["asked.after"]
    assert latest.ask("court", "everything_on_person", asked | {"page_size": 101}).status_code == 422


@pytest.mark.parametrize("size", [10, 11, 12, 24, 25, None])
def test_a_page_is_full_wherever_the_first_few_of_a_section_end(latest: Latest, size: int | None) -> None:
    many = [f"M-{n:02}" for n in range(25)]
    seller = DEVELOPER | {"id_no": "91411402MA40001002"}
    for name in many:
        latest.put("sale", bought(name, BUYER, seller, f"{name}-HOUSE"))
    asked: dict[str, Any] = {"person": seller} | ({"page_size": size} if size else {})
    found: list[list[str]] = []
    after: dict[str, str] | None = {}
    while after is not None:
        page = told(latest, "court", "everything_on_person", asked | after)
        found.append([one["contract_no"] for one in page["sales"]])
        after = {"after": page["next"]} if page["next"] else None
    assert [one for page in found for one in page] == many
    assert {len(page) for page in found[:-1]} <= {size}


def test_everything_on_a_house_with_the_queue_in_its_order(latest: Latest) -> None:
    house = "H-QUEUE"
    unit = example_json("unit", "restated", 2)
    latest.put("unit", unit | {"entity_id": house, "house_code": house, "restrictions": ["SEIZED"]})
    latest.put("sale", bought("Q-1", BUYER, SELLER, house))
    seizure = example_json("seizure", "queue-head", 2)
    for key, place, where in (
        ("Z-1", 2, {"house_code": house}),
        ("Z-2", 1, {"house_code": None, "bound_house_code": house, "contract_no": "Q-1"}),
        ("Z-0", None, {"house_code": house, "status": "RELEASED"}),
    ):
        stands = {"entity_id": key, "seizure_id": key, "queue_place": place, "status": "WAITING"}
        latest.put("seizure", seizure | {"bound_house_code": house} | stands | where)
    title = example_json("title", "registered")
    latest.put("title", title | {"entity_id": "T-1", "house_code": house}, status="ACTIVE")
    watch = example_json("watch", "opened") | {"house_code": house, "parties": [], "status": "OPEN"}
    latest.put("watch", watch | {"entity_id": "W-1", "case_no": "（2020）豫1402执7号"})
    latest.put("watch", watch | {"entity_id": "W-2", "source": "other-court"})
    found = told(latest, "court", "everything_on_house", {"house_code": house})
    assert [one["seizure_id"] for one in found["seizures"]] == ["Z-2", "Z-1", "Z-0"]
    assert [one["restrictions"] for one in found["units"]] == [["SEIZED"]]
    assert [one["total_price"] for one in found["sales"]] == [SALE["total_price"]]
    assert [one["title_cert_no"] for one in found["titles"]] == [title["title_cert_no"]]
    assert [one["case_no"] for one in found["watches"]] == ["（2020）豫1402执7号"]
    person = told(latest, "court", "everything_on_person", {"person": BUYER})
    assert [one["restrictions"] for one in person["units"]] == [["SEIZED"]]


def test_what_there_is_not_is_answered_as_empty(latest: Latest) -> None:
    found = told(latest, "court", "everything_on_house", {"house_code": "NO-HOUSE"})
    assert found.pop("next") is None
    assert set(map(tuple, found.values())) == {()}
    found = told(latest, "court", "everything_on_person", {"person": NOBODY | {"id_no": "E00000002"}})
    assert found.pop("next") is None
    assert set(map(tuple, found.values())) == {()}
    assert latest.accesses()[-1]["granted"]


def test_a_court_names_its_case_rightly(latest: Latest) -> None:
    asked = {"house_code": BOUGHT}
    mended = latest.ask("court", "everything_on_house", asked, case_no="(2020)豫1402执12号")
    assert mended.status_code == 200
    assert latest.accesses()[-1]["number"] == "（2020）豫1402执12号"
    wrong = latest.ask("court", "everything_on_house", asked, case_no="2020-1402-12")
    assert [one["path"] for one in wrong.json()["problems"]] == ["case_no"]


# --- education ------------------------------------------------------------------------------------------------


def rent(latest: Latest, person: dict[str, str], on: str, **asked: Any) -> dict[str, Any]:
    question = {"parent": person, "county_code": "411403", "on": on} | asked
    return told(latest, "education", "rent_for_admission", question)


def means(latest: Latest, *members: dict[str, str]) -> dict[str, Any]:
    return told(latest, "civil", "household_means", {"authority_no": "AU-1", "members": list(members)})


def test_the_means_of_a_household_are_counts_and_never_a_contract(latest: Latest) -> None:
    grandmother, landlord = (
        {"id_type": "3", "id_no": "E00000003"},
        {"id_type": "3", "id_no": "E00000002"},
    )
    code, let = "41140200120200600003201014", "41140200120200600003202012"
    latest.put("sale", bought("S-M1", grandmother, DEVELOPER, code, gross_area="88.50", inner_area="70.00"))
    found = means(latest, landlord, grandmother)
    assert found["unit_count"] == 1
    assert [one["address"] for one in found["units"]] == ["梁园区归德路1号"]
    assert found["has_lease_income"] is False
    assert found["rule_version"]
    assert "411402" in found["coverage"]
    assert found.keys() == {
        "unit_count", "unread_records", "units", "has_lease_income", "rule_version", "coverage",
    }  # fmt: skip
    assert means(latest, landlord)["unit_count"] == 0
    let_by = [{"role": "LESSOR", "party_kind": "1", "name": "样例", **landlord}]
    runs = {"lease_start": "2021-01-01", "lease_end": "2039-12-31", "filed_at": "2021-01-02T02:00:00Z"}
    latest.put("lease", LEASE | runs | {"entity_id": "L-M1", "house_code": let, "parties": let_by})
    assert means(latest, landlord, grandmother)["has_lease_income"] is True
    latest.put(
        "lease",
        LEASE
        | runs
        | {
            "entity_id": "L-M1",
            "house_code": let,
            "parties": let_by,
            "contract_status": "CANCELLED",
            "cancelled_at": "2022-01-01T00:00:00Z",
            "revision": 2,
        },
    )
    assert means(latest, landlord, grandmother)["has_lease_income"] is False


def test_a_year_of_rent_in_one_district_without_a_gap(latest: Latest) -> None:
    assert rent(latest, LESSEE, "2021-12-04") == {
        "continuous": True,
        "since": "2020-12-05",
        "until": "2021-12-04",
    }
    assert not rent(latest, LESSEE, "2021-12-03")["continuous"]
    assert not rent(latest, LESSEE, "2021-12-05")["continuous"]
    assert not rent(latest, LESSEE, "2021-12-04", county_code="411402")["continuous"]
    mother = {"id_type": "3", "id_no": "E77777777"}
    parties = [p | (mother if p["role"] == "LESSEE" else {}) for p in LEASE["parties"]]
    renewal = {"entity_id": "L-R", "lease_start": "2021-12-05", "lease_end": "2022-12-04"}
    latest.put("lease", LEASE | renewal | {"parties": parties, "filed_at": "2021-12-20T02:00:00Z"})
    assert not rent(latest, mother, "2022-08-31")["continuous"]
    both = rent(latest, LESSEE, "2022-08-31", other_parent=mother)
    assert both == {"continuous": True, "since": "2020-12-05", "until": "2022-12-04"}
    answer = latest.ask(
        "education", "rent_for_admission", {"parent": LESSEE, "county_code": "110101", "on": "2021-12-04"}
    )
    assert [one["path"] for one in answer.json()["problems"]] == ["asked.county_code"]


# --- indexes --------------------------------------------------------------------------------------------------

MANY = 12_000
_MOST_BLOCKS = 120
"""Of several thousands that a table of so many rows has."""


def multiply(
    db: psycopg.Connection[Any], subject: str, key: str, lists: dict[str, str], **changed: str
) -> None:
    """Many more rows like that one, with keys, houses and parties of their own."""
    tables = {subject: changed, **{f"{subject}_{name}": {"party_ref": ref} for name, ref in lists.items()}}
    for table, given in tables.items():
        names = [
            str(row[0])
            for row in db.execute(
                "SELECT column_name FROM information_schema.columns WHERE table_schema = 'latest' AND table_name = %s",
                (table,),
            ).fetchall()
        ]
        values = {name: f'"{name}"' for name in names} | {"entity_id": "'N-' || n"} | given
        db.execute(
            f"INSERT INTO latest.{table} ({', '.join(names)}) SELECT {', '.join(values[name] for name in names)} "
            f"FROM latest.{table}, generate_series(1, {MANY}) n WHERE entity_id = '{key}'".encode()
        )


@pytest.mark.parametrize("analysed", [False, True])
def test_every_statement_reads_an_index_of_many_rows(latest: Latest, analysed: bool) -> None:
    """As the pool of queries asks, with and without statistics: few blocks are touched, whatever the table's size."""
    house, tables = {"house_code": "'N-' || n"}, latest_specs()
    latest.put("seizure", example_json("seizure", "queue-head", 2), entity_id="E-1")
    latest.put("title", example_json("title", "registered"), entity_id="E-1")
    latest.put("feedback", example_json("feedback", "residence-match"), entity_id="E-1", status="ACTIVE")
    with psycopg.connect(latest.dsn, autocommit=True) as db:
        if not analysed:
            multiply(db, "sale", "S-1", {"parties": "'P-' || n"}, **house)
            multiply(
                db, "lease", LEASE["entity_id"], {"parties": "'P-' || n", "occupants": "'P-' || n"}, **house
            )
            multiply(db, "seizure", "E-1", {"debtors": "'P-' || n"}, **house, bound_house_code="'N-' || n")
            multiply(db, "title", "E-1", {"holders": "'P-' || n"}, **house)
            multiply(db, "feedback", "E-1", {}, about_entity_id="'N-' || n", county_code="'C' || n % 500")
        else:
            db.execute("ANALYZE")
    given: dict[str, Any] = {"values": ["N-7"], "refs": ["P-7"], "after": "", "most": 501}
    given |= {"roles": sorted(code_list("party_role").codes), "counties": ["C7"]}
    given |= {"first": "2020-12-01", "last": "2021-11-30"}
    held = SubjectTables(tables["seizure"]).by("house_code", "bound_house_code")
    statements = {"feedback in counties": CHECKS, "seizure by either house": held}
    for subject in ("sale", "lease", "seizure", "title"):
        asked = SubjectTables(tables[subject])
        statements[f"{subject} by house_code"] = asked.by("house_code")
        for parties in asked.lists:
            kinds = {"by_party": parties.by_party, "by_role": parties.by_role}
            statements |= {f"{subject} {parties.field} {kind}": one for kind, one in kinds.items() if one}
    with psycopg.connect(latest.dsn, autocommit=True, options=OPTIONS) as db:
        for name, statement in statements.items():
            (plan,) = db.execute(b"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) " + statement, given).fetchall()
            top = plan[0][0]["Plan"]
            assert "Seq Scan" not in json.dumps(top), name
            assert top["Actual Rows"] > 0, name
            assert top["Shared Hit Blocks"] + top["Shared Read Blocks"] < _MOST_BLOCKS, (name, top)
