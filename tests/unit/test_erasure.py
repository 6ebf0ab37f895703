"""What stands against erasing a person, what his copies are, and who is given the keys."""

from collections.abc import Iterable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, cast

import pytest
from click.testing import CliRunner
from pydantic import SecretStr

from broker.codec import Decoder
from broker.errors import ConfigError
from broker.kafka import Record
from broker.keys.keyring import Keyring
from broker.settings import Settings
from broker.topics import SERVICE_USERS, TopicSpec
from qianbei.cli.erase_cmd import erase_command
from qianbei.documents import Document, document
from qianbei.erasure.copies import Found, Search
from qianbei.erasure.holdings import Holding, grounds
from qianbei.site import Site, settings_from
from schemas.files import ERASED, latest_version
from schemas.retention import DEFAULT, Retention, erasable, load_retention, until
from schemas.terms import PolicyError
from tests.machine.knowledge import decoder, encoders
from tests.machine.people import party
from tests.unit.test_verify_slices import examples

TODAY = date(2031, 6, 1)


def holding(subject: str, status: str, ended: str, lease_end: date | None = None) -> Holding:
    moment = datetime.fromisoformat(ended).replace(tzinfo=UTC)
    return Holding(subject, "e1", 1, status, "411402", moment, lease_end, True)


@pytest.mark.parametrize(
    ("held", "kept"),
    [
        # The day counts in China: 16:30 UTC is the day after there.
        (holding("sale", "CANCELLED", "2021-05-30T15:00"), []),
        (holding("sale", "CANCELLED", "2021-05-31T16:30"), [date(2031, 6, 1)]),
        (holding("sale", "COMPLETED", "2025-01-01T00:00"), [date(2035, 1, 1)]),
        (holding("sale", "FILED", "2001-01-01T00:00"), [None]),
        (holding("sale", "DRAFT", "2001-01-01T00:00"), [None]),
        (holding("title", "ACTIVE", "2001-01-01T00:00"), [None]),
        (holding("seizure", "WAITING", "2001-01-01T00:00"), [None]),
        (holding("watch", "OPEN", "2001-01-01T00:00"), [None]),
        (holding("defaulter", "REMOVED", "2020-01-01T00:00"), []),
        (holding("household", "ACTIVE", "2031-05-31T20:00"), []),
        # A lease has no end but its last day, and is kept from then.
        (holding("lease", "FILED", "2020-01-01T00:00", date(2031, 6, 1)), [None]),
        (holding("lease", "FILED", "2020-01-01T00:00", date(2031, 5, 31)), [date(2036, 5, 31)]),
        (holding("lease", "AMENDED", "2020-01-01T00:00", date(2026, 5, 31)), []),
        (holding("lease", "CANCELLED", "2020-01-01T00:00", date(2035, 5, 31)), []),
    ],
)
def test_a_record_is_kept_while_it_stands_and_for_its_years(held: Holding, kept: list[date | None]) -> None:
    assert [ground.until for ground in grounds([held], load_retention(), TODAY)] == kept


def test_every_subject_that_names_persons_has_its_years() -> None:
    (edition,) = load_retention().keeping.editions
    assert edition.years.keys() == erasable()
    without = {name: years for name, years in edition.years.items() if name != "sale"}
    given = {"version": "1", "from": "2021-01-01", "legal_basis": "x", "years": without}
    with pytest.raises(ValueError, match="differs in sale"):
        Retention.model_validate({"keeping": {"editions": [given]}})


def test_a_sites_own_years_are_read_and_a_wrong_file_is_named(tmp_path: Path) -> None:
    file = tmp_path / "own.yaml"
    file.write_text(DEFAULT.read_text(encoding="utf-8").replace("sale: 10", "sale: 30"), encoding="utf-8")
    assert load_retention(file).keeping.editions[0].years["sale"] == 30
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text(DEFAULT.read_text(encoding="utf-8").replace("sale: 10", "sale: -1"), encoding="utf-8")
    with pytest.raises(PolicyError, match=r"wrong\.yaml.*years"):
        load_retention(wrong)


def test_a_year_without_its_day_has_the_day_before() -> None:
    assert until(date(2024, 2, 29), 1) == date(2025, 2, 28)
    assert until(date(2024, 2, 29), 4) == date(2028, 2, 29)


# --- copies -------------------------------------------------------------------------------------------------------------

SPECS = [
    TopicSpec("exchange.sale", "exchange", "entity id", None),
    TopicSpec("intake.bureau", "intake", "house code", 400),
    TopicSpec("dept.tax.sale.v1", "dept", "entity id", 400),
]
REF = "ab" * 32


def record(topic: str, value: bytes, key: bytes = b"S1", at_ms: int = 0) -> Record:
    return Record(topic, 0, 0, at_ms, key, value, ())


def search(records: Iterable[Record], number: str = "411499199003070015") -> Found:
    """As ``Search.run``, over these records."""
    looking = Search(frozenset({REF}), Document("1", number), cast(Decoder, decoder()), Keyring(None, None))
    found = Found()
    numbers = tuple(text.encode() for text in looking.document.written)
    for one in records:
        if one.topic.startswith("exchange."):
            looking._in_exchange(one, found)
        elif looking._elsewhere(one, numbers, found):
            found.note(one)
    return found


def sale_of(**changes: Any) -> bytes:
    buyer = party("BUYER", ("1", "411499199003070015")) | {"party_ref": REF} | changes
    (first, *_) = examples("sale")
    return encoders()["sale"](first | {"parties": [buyer]})


def test_copies_are_found_by_reference_number_and_name() -> None:
    day = 24 * 3600 * 1000
    found = search(
        [
            record("exchange.sale", sale_of()),
            record("exchange.sale", sale_of(party_ref="cd" * 32)),
            record("intake.bureau", b"..411499199003070015..", b"house", day),
            record("intake.bureau", b"..411499199003070015..", b"house", 3 * day),
            record("intake.bureau", b"..411499198511150025..", b"house"),
            record("dept.tax.sale.v1", "..张示例..".encode()),
            record("dept.tax.sale.v1", "..张示例..".encode(), b"S2"),
        ]
    )
    copies = {one.topic: one for one in found.copies(SPECS)}
    assert {topic: one.records for topic, one in copies.items()} == {
        "exchange.sale": 1,
        "intake.bureau": 2,
        "dept.tax.sale.v1": 1,
    }
    assert copies["exchange.sale"].until is None
    assert copies["intake.bureau"].until == datetime(1971, 2, 8, tzinfo=UTC), "400 days after the newest"


def test_a_number_is_found_however_it_was_written() -> None:
    written = [b"<11010519491231002x>", b"<11010519491231002X>"]
    found = search([record("intake.bureau", value) for value in written], " 11010519491231002x ")
    assert found.clear["intake.bureau"] == 2


def test_an_erased_record_is_no_copy() -> None:
    gone = {"key_id": ERASED, "nonce": b"", "ciphertext": b""}
    assert not search([record("exchange.sale", sale_of(party_ref=None, name=gone, id_no=gone))]).clear
    assert latest_version("sale")


# --- the command, and who holds what ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("args", "number", "said"),
    [
        ([], "411499199003070015", "--reason"),
        (["--dry-run"], "0 411499199003070015", "this is no document"),
        (["--dry-run"], "", "this is no document"),
        (["--reason", "\x1b[2J"], "1 411499199003070015", "visible characters"),
    ],
)
def test_wrong_use_is_told_before_anything_is_asked(args: list[str], number: str, said: str) -> None:
    result = CliRunner().invoke(erase_command, args, input=number + "\n")
    told = result.output + str(result.exception)
    assert said in told
    assert not number or number.rsplit(maxsplit=1)[-1] not in told


def test_a_document_does_not_show_its_number() -> None:
    assert "4114" not in repr(document("1 411499199003070015"))


def test_a_citizens_card_is_meant_where_no_kind_is_named() -> None:
    assert document("411499199003070015\n") == document("1 411499199003070015")
    assert document("3 E12345678").id_type == "3"


@pytest.mark.parametrize("given", ["", "  ", "1", "411499199003070016", "1 2 3", "x 411499199003070015"])
def test_what_is_no_document_is_told_without_its_number(given: str) -> None:
    with pytest.raises(ConfigError) as raised:
        document(given)
    assert "4114991990" not in str(raised.value)


def test_only_who_seals_or_opens_is_given_the_master_key(tmp_path: Path) -> None:
    for user in SERVICE_USERS:
        (tmp_path / "kafka").mkdir(exist_ok=True)
        (tmp_path / "kafka" / user).write_text("x")
    (tmp_path / "postgres").mkdir()
    admin = Settings(
        kafka_bootstrap="127.0.0.1:9",
        postgres_dsn=SecretStr("postgresql://a:b@127.0.0.1:9/q"),
        SCHEMA_REGISTRY_URL="http://127.0.0.1:9",  # type: ignore[call-arg]
    )
    site = Site(admin, tmp_path)
    assert site.settings("qb-routing").keys_dsn is None, "a machine without that login still works"
    (tmp_path / "postgres" / "qb_keys").write_text("secret")
    given = {user: site.settings(user) for user in SERVICE_USERS}
    assert {user for user, one in given.items() if one.master_key_file} == {
        "qb-admission",
        "qb-api",
        "qb-routing",
        "qb-fill",
        "qb-operator",
    }
    assert {user for user, one in given.items() if one.keys_dsn} == {"qb-routing", "qb-fill", "qb-operator"}


def test_an_encryption_that_there_is_not_is_named_with_those_that_there_are() -> None:
    given = {"QIANBEI_KAFKA_BOOTSTRAP": "127.0.0.1:9", "SCHEMA_REGISTRY_URL": "http://127.0.0.1:9"}
    with pytest.raises(ConfigError, match=r"QIANBEI_ENCRYPTION.*'off', 'aes-256-gcm' or 'sm4-gcm'"):
        settings_from(given | {"QIANBEI_ENCRYPTION": "rot13"})
    assert settings_from(given | {"QIANBEI_ENCRYPTION": "sm4-gcm"}).encryption == "sm4-gcm"
