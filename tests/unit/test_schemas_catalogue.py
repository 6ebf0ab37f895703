"""The catalogue: lifecycles, who may send what, and that a wrong file is refused."""

import copy
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

import schemas.catalogue
from schemas.catalogue import LIVE_STATUSES, NONE, Catalogue, KeyKind, UnknownNameError, load_catalogue

FILE = Path(schemas.catalogue.__file__).with_name("catalogue.yaml")
BANK = "91411400MA4000012N"


@pytest.fixture
def content() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    return loaded


def test_subjects_and_their_keys() -> None:
    catalogue = load_catalogue()
    by_house = {name for name, subject in catalogue.subjects.items() if subject.key is KeyKind.HOUSE_CODE}
    assert by_house == {
        "unit",
        "sale",
        "lease",
        "mortgage",
        "seizure",
        "title",
        "conflict",
        "notice",
        "signal",
    }
    assert len(catalogue.subjects) == 15
    assert load_catalogue() is catalogue


@pytest.mark.parametrize(
    ("subject", "event_type", "status", "expected"),
    [
        ("sale", "DRAFTED", NONE, "DRAFT"),
        ("sale", "SIGNED", NONE, "SIGNED"),
        ("sale", "SIGNED", "DRAFT", "SIGNED"),
        ("sale", "FILED", NONE, None),
        ("sale", "FILED", "SIGNED", "FILED"),
        ("sale", "AMENDED", "AMENDED", "AMENDED"),
        ("sale", "CANCELLED", "SIGNED", None),
        ("sale", "REVOKED", "FILED", "REVOKED"),
        ("sale", "COMPLETED", "AMENDED", "COMPLETED"),
        ("sale", "VOIDED", "SIGNED", "VOIDED"),
        ("sale", "VOIDED", "FILED", None),
        ("sale", "SIGNED", "CANCELLED", None),
        ("sale", "INTEREST_CHANGED", "FILED", "FILED"),
        ("sale", "INTEREST_CHANGED", NONE, None),
        ("unit", "REGISTERED", NONE, "ACTIVE"),
        ("unit", "CHANGED", "WITHDRAWN", None),
        ("seizure", "RENEWED", "EFFECTIVE", "EFFECTIVE"),
        ("seizure", "RELEASED", "RELEASED", None),
        ("defaulter", "REMOVED", "LISTED", "REMOVED"),
    ],
)
def test_lifecycle(subject: str, event_type: str, status: str, expected: str | None) -> None:
    assert load_catalogue().subject(subject).next_status(event_type, status) == expected


def test_live_statuses_are_statuses_of_a_sale() -> None:
    assert load_catalogue().subject("sale").statuses > LIVE_STATUSES


@pytest.mark.parametrize(
    ("principal", "subject", "event_type", "allowed"),
    [
        ("bureau", "sale", "FILED", True),
        ("bureau", "sale", "INTEREST_CHANGED", False),
        ("bureau", "seizure", "SEIZED", False),
        ("bank.icbc", "mortgage", "FILED", True),
        ("bank.icbc", "sale", "FILED", False),
        ("court", "defaulter", "LISTED", True),
        ("registry", "title", "REGISTERED", True),
        ("police", "household", "RECORDED", True),
        ("tax", "feedback", "REPORTED", True),
        ("internal", "conflict", "RAISED", False),
        ("nobody", "sale", "FILED", False),
        ("bureau", "nothing", "FILED", False),
    ],
)
def test_may_send(principal: str, subject: str, event_type: str, allowed: bool) -> None:
    assert load_catalogue().may_send(principal, subject, event_type) is allowed


def test_every_event_of_a_source_has_a_sender() -> None:
    catalogue = load_catalogue()
    for subject in catalogue.subjects.values():
        for event_type in subject.source_event_types:
            senders = [
                name for name in catalogue.principals if catalogue.may_send(name, subject.name, event_type)
            ]
            assert senders, f"{subject.name} {event_type}"


def test_principal_by_uscc() -> None:
    found = load_catalogue().principal_by_uscc(BANK)
    assert found is not None
    assert found.name == "bank.icbc"
    assert load_catalogue().principal_by_uscc("nobody's") is None


def test_unknown_names_name_what_there_is() -> None:
    catalogue = load_catalogue()
    with pytest.raises(UnknownNameError, match="no subject sales; there are project, unit, sale"):
        catalogue.subject("sales")
    with pytest.raises(UnknownNameError, match="no principal bank"):
        catalogue.principal("bank")
    with pytest.raises(UnknownNameError, match="sale has no event type SOLD; it has DRAFTED"):
        catalogue.transition("sale", "SOLD")


def test_it_is_frozen(content: dict[str, Any]) -> None:
    catalogue = Catalogue.model_validate(content)
    with pytest.raises(ValidationError):
        catalogue.subject("sale").zh = "x"
    with pytest.raises(TypeError):
        catalogue.subjects["sale"] = catalogue.subject("unit")  # type: ignore[index]


def _refused(content: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Catalogue.model_validate(content)


def test_wrong_files_are_refused(content: dict[str, Any]) -> None:
    unknown_key = copy.deepcopy(content)
    unknown_key["subjects"]["sale"]["colour"] = "red"
    _refused(unknown_key, "colour")

    unreachable = copy.deepcopy(content)
    unreachable["subjects"]["sale"]["lifecycle"]["FILED"]["from"] = ["SINGED"]
    _refused(unreachable, "FILED: no event leads to SINGED")

    not_a_subject = copy.deepcopy(content)
    not_a_subject["principals"]["tax"]["sends"]["taxes"] = ["REPORTED"]
    _refused(not_a_subject, "taxes, which is not a subject")

    made_by_the_exchange = copy.deepcopy(content)
    made_by_the_exchange["principals"]["bureau"]["sends"]["sale"].append("INTEREST_CHANGED")
    _refused(made_by_the_exchange, "cannot send sale INTEREST_CHANGED")

    answers_nothing = copy.deepcopy(content)
    answers_nothing["principals"]["bureau"]["answers"].append("taxes")
    _refused(answers_nothing, "principal bureau answers taxes, which is no subject")

    same_uscc = copy.deepcopy(content)
    same_uscc["principals"]["bank.ccb"]["uscc"] = BANK
    _refused(same_uscc, "same uscc")
