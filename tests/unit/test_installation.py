"""What a site adds to what is shipped: merged whole, or refused with the file, the place, and how to mend it."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from broker.deploy import installation_topics, kafka_users, released_schemas, revoked_users
from broker.errors import ConfigError
from broker.settings import Settings
from broker.topics import acls
from schemas.catalogue import load_catalogue
from schemas.entitlements import grants, load_entitlements
from schemas.installation import load_installation
from schemas.shown import EntitlementError
from schemas.sitefiles import fingerprint

USCC = "91411400MA4000020H"
TAKEN = "91411400MA4000012N"

BANK = f"""
departments: [bank.cmb]
zh: 商丘丙银行
en: Bank C of Shangqiu
granted: 2026-11-27T20:30:00Z
like: bank.icbc
principal: {{uscc: {USCC}, sends_like: bank.icbc}}
"""

WATER = """
departments: [water]
zh: 市供水公司
en: Waterworks
granted: 2026-11-27T20:30:00Z
principal: {sends: {feedback: [REPORTED, WITHDRAWN]}}
subjects:
  sale:
    version: 1
    legal_basis: 市政数据共享协议
    purpose: {zh: 过户, en: Change of the customer}
    rows: all
    retention_days: 30
    fields: [house_code, address, parties.role, parties.name]
    party_roles: {parties: [BUYER]}
"""

REVOKED = "departments: [bank.ccb]\nzh: 乙\nen: B\nrevoked: 2026-11-27T20:30:00Z\n"

Folder = Callable[..., Path]


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    def made(*texts: str, name: str | None = None) -> Path:
        for text in texts:
            own = text.split("[", 1)[1].split("]", 1)[0]
            (tmp_path / (name or f"{own}.yaml")).write_text(text, encoding="utf-8")
        return tmp_path

    return made


def test_without_site_files_it_is_what_is_shipped(folder: Folder) -> None:
    for installation in (load_installation(None), load_installation(folder())):
        assert installation.catalogue == load_catalogue()
        assert installation.entitlements == load_entitlements()
        assert installation.site == {}


def test_a_bank_like_another_sends_and_sees_what_that_does(folder: Folder) -> None:
    installation = load_installation(folder(BANK))
    catalogue = installation.catalogue
    assert catalogue.principal("bank.cmb").sends == catalogue.principal("bank.icbc").sends
    found = catalogue.principal_by_uscc(USCC)
    assert found is not None
    assert (found.name, found.zh) == ("bank.cmb", "商丘丙银行")
    seen = {g.topic: g.terms for g in installation.grants if g.department == "bank.cmb"}
    model = {g.topic: g.terms for g in installation.grants if g.department == "bank.icbc"}
    assert {t.replace("cmb", "icbc"): terms for t, terms in seen.items()} == model
    assert "bank.cmb" in kafka_users(installation)


def test_a_department_of_its_own_is_in_topics_rights_and_schemas(folder: Folder) -> None:
    installation = load_installation(folder(WATER))
    own = {t.name for t in installation_topics(installation) if t.principal == "water"}
    assert own == {"intake.water", "decision.water", "quarantine.water", "dept.water.sale.v1", "dlq.water"}
    rights = {acl for acl in acls(installation_topics(installation)) if acl.user == "water"}
    assert {(a.name, a.operation) for a in rights} >= {
        ("dept.water.sale.v1", "READ"),
        ("intake.water", "WRITE"),
    }
    assert "dept.water.sale.v1-value" in dict(released_schemas(installation))


def test_who_is_revoked_is_known_and_has_nothing(folder: Folder) -> None:
    revoked_bank = (
        BANK.replace("granted:", "revoked:")
        .replace("like: bank.icbc\n", "")
        .replace(", sends_like: bank.icbc", "")
    )
    installation = load_installation(folder(REVOKED, revoked_bank))
    assert revoked_users(installation) == {"bank.ccb", "bank.cmb"}
    assert revoked_users(installation).isdisjoint(kafka_users(installation))
    assert not {g.department for g in installation.grants} & {"bank.ccb", "bank.cmb"}
    assert {g.department for g in installation.grants} >= {"bank.icbc"}
    topics = installation_topics(installation)
    assert {t.name for t in topics if t.principal == "bank.ccb"} == {
        "intake.bank.ccb", "decision.bank.ccb", "quarantine.bank.ccb",
    }  # fmt: skip
    assert not [acl for acl in acls(topics) if acl.user == "bank.ccb" or acl.name.endswith("bank.ccb")]
    assert not installation.catalogue.may_send("bank.ccb", "mortgage", "SIGNED")
    owner = installation.catalogue.principal_by_uscc(USCC)
    assert owner is not None
    assert owner.name == "bank.cmb"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (BANK.replace("bank.cmb", "tax"), r"tax.yaml: there is a principal tax already, Tax bureau"),
        (BANK.replace("bank.cmb", "Bank-C"), r"'Bank-C' is no name of a principal"),
        (BANK.replace("bank.cmb", "internals"), r"names that begin with internal or redrive"),
        (BANK.replace("bank.cmb", "x" * 61), r"at most 60 characters"),
        (BANK.replace(USCC, TAKEN), r"principal.uscc is that of bank.icbc already"),
        (BANK.replace(USCC, "91-4"), r"principal.uscc is no unified social credit code"),
        (BANK.replace("\nlike: bank.icbc", "\nlike: bank.cib"), r"like: bank.cib is no shipped department; the nearest is bank.ccb"),
        (BANK.replace("sends_like: bank.icbc", "sends_like: bnak.ccb"), r"bnak.ccb is no shipped principal; the nearest is bank.ccb"),
        (BANK.replace("sends_like: bank.icbc", "sends_like: internal"), r"internal is no shipped principal"),
        (BANK.replace("}}", "}}").replace("sends_like: bank.icbc", "sends_like: bank.icbc, sends: {}"), r"both sends and sends_like"),
        (BANK.replace(f"uscc: {USCC}, ", ""), r"rows: interested needs principal.uscc"),
        (BANK.replace("granted: 2026-11-27T20:30:00Z\n", ""), r"says not since when \(granted\)"),
        (BANK.replace("20:30:00Z", "20:30:00"), r"granted"),
        (BANK.split("principal:", maxsplit=1)[0], r"no principal bank.cmb; the nearest is bank.c"),
        (BANK.replace("en: Bank", "colour: red\nen: Bank"), r"colour"),
        (WATER.replace("feedback: [", "feedbck: ["), r"feedbck is no subject; the nearest is feedback"),
        (WATER.replace("REPORTED,", "REPORTD,"), r"principal.sends.feedback: REPORTD is no event that can be sent; the nearest is REPORTED"),
        (WATER.replace("  sale:", "  sail:"), r"sail is no subject; the nearest is sale"),
        (WATER.replace("house_code,", "hose_code,"), r"sale.hose_code is no field; the nearest is house_code"),
        (WATER + "like: bank.icbc\n", r"both like and subjects"),
        (WATER.replace("[water]", "[police]").replace("principal: {sends: {feedback: [REPORTED, WITHDRAWN]}}\n", ""),
         r"police has its entitlements with this version already"),
        (REVOKED.replace("bank.ccb", "bureau"), r"bureau cannot be revoked"),
        (REVOKED.replace("bank.ccb", "internal"), r"internal cannot be revoked"),
        (REVOKED.replace("bank.ccb", "bank.ccb, tax"), r"departments"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_refused(folder: Folder, text: str, message: str) -> None:
    with pytest.raises(EntitlementError, match=message):
        load_installation(folder(text))


def test_a_file_must_have_the_name_of_its_principal(folder: Folder) -> None:
    with pytest.raises(
        EntitlementError, match=r"cmb.yaml: is about bank.cmb, so it must be named bank.cmb.yaml"
    ):
        load_installation(folder(BANK, name="cmb.yaml"))


def test_two_banks_of_the_site_cannot_share_a_code(folder: Folder) -> None:
    with pytest.raises(EntitlementError, match=r"is that of bank.cmb already"):
        load_installation(folder(BANK, BANK.replace("bank.cmb", "bank.dmb")))


def test_no_yaml_and_no_folder(folder: Folder, tmp_path: Path) -> None:
    with pytest.raises(EntitlementError, match=r"is not there: make it"):
        load_installation(tmp_path / "typo")
    settings = Settings.model_validate(
        {
            "kafka_bootstrap": "127.0.0.1:1",
            "SCHEMA_REGISTRY_URL": "http://127.0.0.1:1",
            "entitlements": tmp_path,
        }
    )
    folder("departments: [x")
    (tmp_path / "x.yaml").write_text("departments: [x", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"QIANBEI_ENTITLEMENTS: .*no YAML"):
        settings.installation()


def test_fingerprint_and_digest_change_with_the_files(folder: Folder) -> None:
    path = folder()
    nothing, empty = fingerprint(path), load_installation(path).digest
    folder(BANK)
    one, first = fingerprint(path), load_installation(path).digest
    folder(BANK.replace("丙", "丁"))
    assert len({nothing, one, fingerprint(path)}) == 3
    assert len({empty, first, load_installation(path).digest}) == 3
    assert fingerprint(None) == ()


def test_every_process_tells_the_same_digest(folder: Folder) -> None:
    path = folder(BANK, WATER.replace("[REPORTED, WITHDRAWN]", "[REPORTED, CHANGED, WITHDRAWN]"))
    code = f"from pathlib import Path; from schemas.installation import *; print(load_installation(Path({str(path)!r})).digest)"
    told = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={"PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
        for seed in ("1", "2")
    }
    assert told == {load_installation(path).digest}


def test_shipped_topics_are_as_before(folder: Folder) -> None:
    added = {t.name for t in installation_topics(load_installation(folder(BANK)))}
    shipped = {t.name for t in installation_topics(load_installation(None))}
    assert shipped < added
    assert {name for name in added - shipped if "bank.cmb" not in name} == set()
    before = grants(load_entitlements())
    like_it = [grant for grant in before if grant.department == "bank.icbc"]
    assert len(before) + len(like_it) == len(load_installation(folder()).grants)


# --- versions beside each other ---------------------------------------------------------------------------------------

EARLIER = """    earlier:
      - version: 1
        legal_basis: 市政数据共享协议
        purpose: {zh: 过户, en: Change of the customer}
        rows: all
        retention_days: 30
        fields: [house_code]
"""
TWO = WATER.replace("version: 1", "version: 2") + EARLIER


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (TWO.replace("      - version: 1", "      - version: 2"), r"water.yaml: sale: .*not below 2"),
        (TWO + EARLIER.replace("    earlier:\n", ""), r"water.yaml: sale: .*or one twice"),
        (TWO.replace("fields: [house_code]", "fields: [house_cod]"), r"house_cod is no field; .*house_code"),
    ],
)
def test_earlier_versions_lie_before_and_are_judged_too(folder: Folder, text: str, message: str) -> None:
    with pytest.raises(EntitlementError, match=message):
        load_installation(folder(text))


def test_a_shipped_department_of_several_loses_what_is_retired_alone(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    shipped = load_entitlements()
    terms = next(e.subjects["sale"] for e in shipped if "bank.ccb" in e.departments)
    raised = terms.model_copy(update={"version": 2, "earlier": (terms,)})
    monkeypatch.setattr(
        "schemas.installation.shipped_entitlements",
        lambda: tuple(
            e.model_copy(update={"subjects": {**e.subjects, "sale": raised}})
            if "bank.ccb" in e.departments
            else e
            for e in shipped
        ),
    )
    retired = REVOKED.replace("revoked: 2026-11-27T20:30:00Z", "retired: {sale.v1: 2026-11-27T20:30:00Z}")
    found = {g.topic for g in load_installation(folder(retired)).grants if g.subject == "sale"}
    assert {"dept.bank.icbc.sale.v1", "dept.bank.icbc.sale.v2", "dept.bank.ccb.sale.v2"} <= found
    assert "dept.bank.ccb.sale.v1" not in found
