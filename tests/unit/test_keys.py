"""Keys of persons: the algorithms, the master key, and what readers make of a sealed, an erased and a lost value."""

import copy
from collections.abc import Callable, Mapping
from io import BytesIO
from pathlib import Path
from typing import Any

import fastavro
import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.errors import ConfigError
from broker.keys.ciphers import Algorithm, Altered, sealing_with
from broker.keys.data_key import new_key, unwrapped
from broker.keys.master import MasterKey, read_master_key
from broker.keys.places import places_of, places_of_subject
from broker.protected import UnreadableValue, clear, erased, is_sealed, present
from broker.routing.cut import Cutter
from broker.routing.project import compile_projection
from qianbei.verify.entitlement import clearing, left_of, projection, read_rules
from qianbei.verify.keys import GONE
from schemas.derive import Schema
from schemas.entitlements import Grant, Rows
from schemas.files import ERASED, latest_version, load_schema, parsed
from schemas.installation import load_installation
from schemas.retention import erasable
from tests.unit.test_verify_slices import examples

MASTER = MasterKey(b"m" * 32)
ALGORITHMS = pytest.mark.parametrize("algorithm", Algorithm)


@ALGORITHMS
@given(text=st.text(max_size=60))
def test_what_is_sealed_comes_out_and_looks_like_nothing(algorithm: Algorithm, text: str) -> None:
    key, row = new_key("owner", algorithm, MASTER)
    one, two = key.seal(clear(text)), key.seal(clear(text))
    assert is_sealed(one)
    assert one["ciphertext"] != two["ciphertext"], "equal values must not be seen to be equal"
    again = unwrapped(row, MASTER)
    assert again is not None
    assert again.open(one["nonce"], one["ciphertext"]) == text
    assert len(one["ciphertext"]) == len(text.encode()) + 16


@ALGORITHMS
def test_a_changed_byte_anywhere_is_noticed_and_nothing_of_it_shown(algorithm: Algorithm) -> None:
    key, _ = new_key("owner", algorithm, MASTER)
    sealed = key.seal(clear("411499199003070015"))
    for part in ("nonce", "ciphertext"):
        for at in range(len(sealed[part])):
            changed = sealed | {
                part: sealed[part][:at] + bytes((sealed[part][at] ^ 1,)) + sealed[part][at + 1 :]
            }
            with pytest.raises(UnreadableValue) as caught:
                key.open(changed["nonce"], changed["ciphertext"])
            assert "4114" not in str(caught.value)
    for short in (b"", sealed["ciphertext"][:15]):
        with pytest.raises(UnreadableValue):
            key.open(sealed["nonce"], short)
    with pytest.raises(Altered):
        sealing_with(algorithm, bytes(algorithm.key_bytes)).open(sealed["nonce"], sealed["ciphertext"], b"")


@ALGORITHMS
def test_one_persons_value_is_not_read_under_anothers_key(algorithm: Algorithm) -> None:
    (one, _), (other, _) = new_key("a", algorithm, MASTER), new_key("b", algorithm, MASTER)
    sealed = one.seal(clear("x"))
    with pytest.raises(UnreadableValue):
        other.open(sealed["nonce"], sealed["ciphertext"])


@ALGORITHMS
def test_a_wrapped_key_is_bound_to_its_row_and_its_master(algorithm: Algorithm) -> None:
    _, row = new_key("owner", algorithm, MASTER)
    assert row.wrapped is not None
    (other_algorithm,) = set(Algorithm) - {algorithm}
    for key_id, owner, under in (
        ("another", row.owner, algorithm),
        (row.key_id, "another", algorithm),
        (row.key_id, row.owner, other_algorithm),
    ):
        with pytest.raises(ConfigError, match=key_id):
            MASTER.unwrap(row.wrapped, key_id, owner, under)
    with pytest.raises(ConfigError, match="another exchange's"):
        MasterKey(b"n" * 32).unwrap(row.wrapped, row.key_id, row.owner, algorithm)


def test_a_master_key_that_is_missing_or_wrong_is_named(tmp_path: Path) -> None:
    file = tmp_path / "master.key"
    with pytest.raises(ConfigError, match="QIANBEI_MASTER_KEY_FILE"):
        read_master_key(None)
    with pytest.raises(ConfigError, match=r"master\.key.*FileNotFoundError"):
        read_master_key(file)
    for content, said in (("no hex", "ValueError"), ("ab" * 16, "32 bytes")):
        file.write_text(content)
        with pytest.raises(ConfigError, match=said):
            read_master_key(file)
    file.write_text("ab" * 32 + "\n")
    assert read_master_key(file)


def test_every_protected_field_has_its_place() -> None:
    """A field that no place names would be written in clear."""
    for subject in sorted(erasable()):
        schema = load_schema(subject, latest_version(subject))
        count = str(schema).count("'Protected'")
        places = places_of_subject(subject)
        assert len(places.own) + sum(len(inner) for _, inner in places.lists) == count
    assert places_of_subject("unit").any is False


def test_a_protected_field_in_a_record_without_a_party_is_refused() -> None:
    schema = copy.deepcopy(load_schema("sale", latest_version("sale")))
    parties = next(field for field in schema["fields"] if field["name"] == "parties")["type"]["items"]
    parties["fields"] = [field for field in parties["fields"] if field["name"] != "party_ref"]
    with pytest.raises(ConfigError, match="parties"):
        places_of(schema)


# --- readers ------------------------------------------------------------------------------------------------------------

KEY, _ = new_key("everyone", Algorithm.AES, MASTER)


def read(envelope: Mapping[str, Any]) -> str | None:
    """As a keyring: by the key if it is there, null if the value was erased or its key destroyed."""
    if envelope["key_id"] == KEY.key_id:
        return KEY.open(envelope["nonce"], envelope["ciphertext"])
    return None if envelope["key_id"] == "destroyed" else present(envelope)


def verified(envelope: Mapping[str, Any]) -> Any:
    """As the keys of ``verify``."""
    return GONE if envelope["key_id"] == "destroyed" else read(envelope)


Change = Callable[[dict[str, Any]], dict[str, Any]]
CHANGES: dict[str, Change] = {
    "sealed": KEY.seal,
    "erased": lambda _value: erased(),
    "destroyed": lambda value: value | {"key_id": "destroyed", "nonce": b"x" * 12},
}


def changed(subject: str, record: dict[str, Any], change: Change) -> dict[str, Any]:
    places = places_of_subject(subject)
    own = {name: change(record[name]) for name in places.own if record[name] is not None}
    lists = {
        name: [
            item | {one: change(item[one]) for one in inner if item[one] is not None} for item in record[name]
        ]
        for name, inner in places.lists
    }
    return record | own | lists


def encoded(schema: Schema, record: Mapping[str, Any]) -> bytes:
    out = BytesIO()
    fastavro.schemaless_writer(out, fastavro.parse_schema(copy.deepcopy(schema), _force=True), record)
    return out.getvalue()


GRANTS = [grant for grant in load_installation(None).grants if grant.subject in erasable()]
RULES = {
    (rule.department, rule.subject): rule
    for rule in read_rules(
        [p.read_text(encoding="utf-8") for p in Path("schemas/entitlements").glob("*.yaml")]
    )
}


@pytest.mark.parametrize("how", CHANGES)
@pytest.mark.parametrize("grant", GRANTS, ids=lambda grant: f"{grant.department}.{grant.subject}")
def test_departments_get_the_same_of_a_sealed_record_and_null_of_an_erased_one(
    grant: Grant, how: str
) -> None:
    """By value, by bytes, and by what ``verify`` makes of it."""
    newest = load_schema(grant.subject, latest_version(grant.subject))
    plain, opening = compile_projection(newest, grant), compile_projection(newest, grant, read)
    written = parsed(grant.subject, latest_version(grant.subject))
    cutter = Cutter(newest, written, [grant], [b""], read)
    for record in examples(grant.subject):
        before = plain(record)
        lies = changed(grant.subject, copy.deepcopy(record), CHANGES[how])
        after = opening(lies)
        assert (before is None) == (after is None)
        if before is None or after is None:
            continue
        assert [cut.value for cut in cutter.cut(encoded(newest, lies), 0)] == [
            encoded(grant.schema(newest), after)
        ]
        if how == "sealed":
            assert after == before
        else:
            names = {
                pick for pick in str(before).split("'") if pick in protected_texts(grant.subject, record)
            }
            assert not [name for name in names if name in str(after).split("'")]
        if grant.terms.rows is Rows.ALL or grant.department in (record["interested"] or ()):
            rule, own = RULES[grant.department, grant.subject], copy.deepcopy(lies)
            clearing(newest, verified)(own)
            assert after == projection(rule)(own)
            assert left_of(rule, own)["event_type"] == "LEFT"


def protected_texts(subject: str, record: dict[str, Any]) -> set[str]:
    """The values of a record, but for those that are found in other fields too."""
    found: list[str] = []

    def note(value: dict[str, Any]) -> dict[str, Any]:
        found.append(value["ciphertext"].decode())
        return clear("")

    rest = str(changed(subject, record, note))
    return {text for text in found if text and text not in rest}


def test_a_reader_without_keys_says_so_and_shows_nothing() -> None:
    assert present(erased()) is None
    assert erased()["key_id"] == ERASED
    with pytest.raises(UnreadableValue):
        present(KEY.seal(clear("张示例")))
