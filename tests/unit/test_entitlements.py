"""The entitlement files: who sees what, and what a wrong file says."""

from pathlib import Path

import pytest
import yaml

from schemas.derive import NEVER, Nested, named_types, resolved
from schemas.entitlements import (
    EntitlementError,
    Grant,
    Rows,
    grants,
    load_entitlements,
    newest_schemas,
)

DESKS = {"bank.icbc.aml", "bank.ccb.aml"}
REPORTERS = {
    "tax",
    "court",
    "police",
    "fund",
    "bank.icbc",
    "bank.ccb",
    "monitoring",
    "registry",
    "civil",
    "education",
}
WITH_TOPICS = {"bureau", *REPORTERS, *DESKS}
PERSONAL = {"name", "id_no", "phone", "contact_address", "legal_rep", "household_no", "party_ref"}
PRICES = {
    "total_price",
    "unit_price",
    "rent_amount",
    "deposit",
    "declared_price",
    "appraisal_price",
    "prior_price",
}


def by_topic() -> dict[str, Grant]:
    return {grant.topic: grant for grant in grants(load_entitlements())}


def fields(department: str) -> set[str]:
    return {path for g in by_topic().values() if g.department == department for path in g.terms.fields}


def names(department: str) -> set[str]:
    return {path.rsplit(".", 1)[-1] for path in fields(department)}


def test_the_departments_with_topics() -> None:
    assert {grant.department for grant in by_topic().values()} == WITH_TOPICS


def test_the_platform_only_asks() -> None:
    (platform,) = (e for e in load_entitlements() if not e.subjects)
    assert platform.departments == ("gov",)
    assert platform.queries


def test_civil_and_education_only_ask_but_hear_what_became_of_their_reports() -> None:
    found = {e.departments[0]: e for e in load_entitlements() if e.departments[0] in ("civil", "education")}
    assert all(entitlement.queries for entitlement in found.values())
    assert all(set(entitlement.subjects) == {"feedback"} for entitlement in found.values())


def test_a_reporter_hears_of_its_own_reports_alone() -> None:
    feedback = {g.department: g for g in by_topic().values() if g.subject == "feedback"}
    assert set(feedback) == {"bureau", *REPORTERS}
    for department in REPORTERS:
        assert feedback[department].terms.rows is Rows.INTERESTED
        assert {"answer", "answer_explanation", "answered_at"} <= set(feedback[department].terms.fields)
    shown = {d for d, grant in feedback.items() if "proposed_value" in grant.terms.fields}
    assert shown == {"bureau", "court", "registry"}, "only those who answer read what others propose"


def test_the_police_get_no_prices_and_only_buyers() -> None:
    assert not fields("police") & PRICES
    assert by_topic()["dept.police.sale.v1"].terms.party_roles == {"parties": frozenset({"BUYER"})}
    assert "occupants.id_no" in fields("police")


def test_monitoring_gets_nothing_that_identifies_a_person() -> None:
    assert not names("monitoring") & (
        PERSONAL | {"doc_uri", "escrow_account", "cancel_reason", "title_cert_no"}
    )


def test_monitoring_gets_no_protected_field() -> None:
    schemas = newest_schemas()
    for grant in by_topic().values():
        if grant.department == "monitoring":
            text = str(grant.schema(schemas[grant.subject]))
            protected = [n for n in PERSONAL if f"'name': '{n}'" in text]
            assert protected == []


def test_tax_gets_what_its_push_really_uses() -> None:
    wanted = {
        "total_price",
        "prior_price",
        "prior_acquired_date",
        "is_lineal_relative",
        "parties.home_ordinal",
    }
    assert wanted | {"parties.household_no", "parties.contact_address", "title_date"} <= fields("tax")
    assert by_topic()["dept.tax.sale.v1"].terms.rows is Rows.ALL


@pytest.mark.parametrize("department", ["bank.icbc", "bank.ccb"])
def test_a_bank_sees_its_own_contracts_alone(department: str) -> None:
    own = [grant for grant in by_topic().values() if grant.department == department]
    assert {grant.subject for grant in own} == {"sale", "mortgage", "feedback"}
    assert all(grant.terms.rows is Rows.INTERESTED for grant in own)


def test_signals_go_to_the_desks_of_lenders_alone_and_name_no_person() -> None:
    signals = {grant.department: grant for grant in by_topic().values() if grant.subject == "signal"}
    assert set(signals) == DESKS
    for desk, grant in signals.items():
        assert grant.terms.rows is Rows.INTERESTED
        assert {g.subject for g in by_topic().values() if g.department == desk} == {"signal"}
        shown = {path for path in fields(desk) if not path.startswith("measures.")}
        assert not shown & (PERSONAL | PRICES)


def test_the_fund_sees_all_leases_but_only_its_own_sales_and_mortgages() -> None:
    rows = {g.subject: g.terms.rows for g in by_topic().values() if g.department == "fund"}
    only_its_own = dict.fromkeys(("sale", "mortgage", "feedback"), Rows.INTERESTED)
    assert rows == only_its_own | {"lease": Rows.ALL}


def test_the_court_gets_its_seizures_and_listings_back() -> None:
    assert {"dept.court.seizure.v1", "dept.court.defaulter.v1"} <= set(by_topic())
    assert {"restrictions", "total_price", "rent_amount"} <= fields("court")
    assert not names("court") & {"phone", "contact_address"}


def test_the_court_and_the_bureau_are_told_of_conflicts_with_both_sides() -> None:
    wanted = {"kind", "status", "house_code", "explanation", "raised_at", "resolved_at", "resolution"}
    wanted |= {f"sides.{name}" for name in ("subject", "entity_id", "revision", "source")}
    for department in ("court", "bureau"):
        assert wanted <= set(by_topic()[f"dept.{department}.conflict.v1"].terms.fields)


def test_every_grant_has_a_clause_and_a_purpose_in_both_languages() -> None:
    for grant in by_topic().values():
        assert "〔2020〕" in grant.terms.legal_basis
        assert grant.terms.purpose.zh
        assert grant.terms.purpose.en.isascii()


def test_nobody_is_granted_what_is_the_exchanges_own() -> None:
    granted = {path.rsplit(".", 1)[-1] for grant in by_topic().values() for path in grant.terms.fields}
    assert not granted & NEVER


def test_every_party_list_says_which_roles_unless_all_its_roles_are_meant() -> None:
    schemas = newest_schemas()
    for grant in by_topic().values():
        named = named_types(schemas[grant.subject])
        lists = {
            field["name"]
            for field in schemas[grant.subject]["fields"]
            if field["name"] == "parties" and resolved(field["type"], named)["type"] == "array"
        }
        entitled = {path.split(".")[0] for path in grant.terms.fields} & lists
        if grant.subject in {"sale", "lease", "mortgage"}:
            assert entitled <= set(grant.terms.party_roles), grant.topic


# --- wrong files ----------------------------------------------------------------------------------------------


def write(folder: Path, changes: dict[str, object] | None = None, *, subject: str = "sale") -> Path:
    terms: dict[str, object] = {
        "version": 1,
        "legal_basis": "建房〔2020〕61号 四",
        "purpose": {"zh": "用途", "en": "purpose"},
        "rows": "all",
        "retention_days": 7,
        "fields": ["contract_no", "parties.phone", "parties.role"],
    }
    content = {
        "departments": ["tax"],
        "zh": "税",
        "en": "Tax",
        "subjects": {subject: terms | (changes or {})},
    }
    path = folder / "tax.yaml"
    path.write_text(yaml.safe_dump(content, allow_unicode=True), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"fields": ["contract_nr"]}, "tax.yaml: sale.contract_nr is no field; the nearest is contract_no"),
        ({"fields": ["parties.nme"]}, "sale.parties.nme is no field; the nearest is parties.name"),
        ({"fields": ["parties"]}, "sale.parties is no field"),
        ({"fields": ["event_id"]}, "sale.event_id is always sent"),
        ({"fields": ["interested"]}, "sale.interested is the exchange's own"),
        ({"fields": ["parties.party_ref"]}, "sale.parties.party_ref is the exchange's own"),
        ({"fields": ["contract_no", "contract_no"]}, "sale.contract_no is listed twice"),
        ({"fields": []}, "subjects.sale.fields"),
        ({"rows": "some"}, "subjects.sale.rows"),
        ({"colour": 1}, "subjects.sale.colour"),
        (
            {"masks": {"parties.name": {"mask": "surname", "name": "x"}}},
            "sale.parties.name is masked but not listed",
        ),
        (
            {"masks": {"parties.phone": {"mask": "last4", "name": "phone"}}},
            "the mask's name phone is that of another",
        ),
        ({"masks": {"parties.phone": {"mask": "rot13", "name": "x"}}}, "masks.parties.phone.mask"),
        (
            {"fields": ["total_price"], "masks": {"total_price": {"mask": "last4", "name": "x"}}},
            "total_price is no text",
        ),
        (
            {"party_roles": {"partys": ["BUYER"]}},
            "party_roles.partys is no entitled list; the nearest is parties",
        ),
    ],
)
def test_a_wrong_file_says_where_and_what(tmp_path: Path, changes: dict[str, object], message: str) -> None:
    write(tmp_path, changes)
    with pytest.raises(EntitlementError) as caught:
        load_entitlements(tmp_path)
    assert message in str(caught.value)
    assert "tax.yaml" in str(caught.value)


def test_an_unknown_subject_names_the_nearest(tmp_path: Path) -> None:
    write(tmp_path, subject="sail")
    with pytest.raises(EntitlementError, match=r"sail is no subject; the nearest is sale"):
        load_entitlements(tmp_path)


def test_a_department_has_one_file(tmp_path: Path) -> None:
    text = write(tmp_path).read_text(encoding="utf-8")
    (tmp_path / "second.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(EntitlementError, match=r"tax has its entitlements in second\.yaml already"):
        load_entitlements(tmp_path)


def test_a_file_that_is_no_yaml(tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_text("a: [", encoding="utf-8")
    with pytest.raises(EntitlementError, match=r"x\.yaml: no YAML"):
        load_entitlements(tmp_path)


def test_a_role_filter_needs_items_with_a_role(tmp_path: Path) -> None:
    write(tmp_path, {"fields": ["occupants.name"], "party_roles": {"occupants": ["LESSEE"]}}, subject="lease")
    with pytest.raises(EntitlementError, match=r"party_roles\.occupants: its items have no field role"):
        load_entitlements(tmp_path)


def test_a_selection_keeps_the_order_of_the_subject() -> None:
    schema = newest_schemas()["sale"]
    order = [field["name"] for field in schema["fields"]]
    picked = [pick.name for pick in by_topic()["dept.tax.sale.v1"].selection(schema)]
    assert picked == sorted(picked, key=order.index)
    assert any(isinstance(pick, Nested) for pick in by_topic()["dept.tax.sale.v1"].selection(schema))
