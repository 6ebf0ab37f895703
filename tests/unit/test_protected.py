"""Protected values and party references."""

import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.protected import (
    UnreadableValue,
    clear,
    fill_party_refs,
    normalise_id,
    party_lists,
    party_ref,
    reveal,
)
from schemas.files import latest_version, load_schema, parsed, subjects

KEY = b"k" * 32
ID_NO = "11010519491231002X"


@given(st.text(max_size=50))
def test_what_is_put_in_clear_comes_out(value):
    assert reveal(clear(value)) == value


@pytest.mark.parametrize(
    "envelope",
    [
        {"key_id": "clear", "nonce": b"", "ciphertext": b"\xff\xfe"},
        {"key_id": "clear", "nonce": b"", "ciphertext": "张".encode("gbk")},
        {"key_id": "clear", "nonce": b"\x00", "ciphertext": b"a"},
        {"key_id": "k1", "nonce": b"", "ciphertext": b"a"},
    ],
)
def test_what_is_not_in_clear_is_unreadable_and_not_shown(envelope):
    with pytest.raises(UnreadableValue) as caught:
        reveal(envelope)
    assert repr(envelope["ciphertext"]) not in str(caught.value)


@pytest.mark.parametrize(
    "written", [ID_NO, " 11010519491231002x", "１１０１０５１９４９１２３１００２Ｘ", f"{ID_NO}\u3000"]
)
def test_one_document_has_one_reference_however_it_is_written(written):
    assert normalise_id(written) == ID_NO
    assert party_ref(KEY, "1", written) == hmac.new(KEY, f"1|{ID_NO}".encode(), hashlib.sha256).hexdigest()


def test_references_differ_by_key_type_and_number():
    refs = {
        party_ref(KEY, "1", ID_NO),
        party_ref(b"x" * 32, "1", ID_NO),
        party_ref(KEY, "3", ID_NO),
        party_ref(KEY, "1", "X"),
    }
    assert len(refs) == 4


def test_a_number_of_15_digits_is_not_converted():
    assert party_ref(KEY, "1", "110105491231002") != party_ref(KEY, "1", ID_NO)


@given(st.text(alphabet="0123456789abcxyzABCXYZ（）()- 　０９ａｚＡＺ", max_size=30))
def test_normalising_twice_changes_nothing(text):
    assert normalise_id(normalise_id(text)) == normalise_id(text)


def _party(envelope, ref=None):
    return {"id_type": "1", "id_no": envelope, "party_ref": ref}


def test_references_are_filled_in_whatever_the_source_wrote_there():
    record = {"parties": [_party(clear(ID_NO)), _party(clear("X"), "forged")], "occupants": None, "other": 1}
    fill_party_refs(record, KEY, ("parties", "occupants"))
    assert [party["party_ref"] for party in record["parties"]] == [
        party_ref(KEY, "1", ID_NO),
        party_ref(KEY, "1", "X"),
    ]


def test_an_unreadable_number_gets_no_reference():
    record = {"parties": [_party({"key_id": "clear", "nonce": b"", "ciphertext": b"\xff"}, "forged")]}
    fill_party_refs(record, KEY, ("parties",))
    assert record["parties"][0]["party_ref"] is None


@pytest.mark.parametrize(
    ("subject", "lists"),
    [
        ("sale", ("parties",)),
        ("lease", ("parties", "occupants")),
        ("seizure", ("debtors",)),
        ("title", ("holders",)),
        ("household", ("members",)),
        ("alias", ("parties",)),
        ("unit", ()),
    ],
)
def test_the_lists_of_parties_are_known_from_the_schema(subject, lists):
    version = latest_version(subject)
    assert party_lists(load_schema(subject, version)) == lists
    assert party_lists(parsed(subject, version)) == lists


def test_a_list_of_a_record_that_was_spelled_out_before_is_found():
    party = {"type": "record", "name": "Party", "fields": [{"name": "party_ref", "type": ["null", "string"]}]}
    first = {"name": "first", "type": {"type": "array", "items": party}}
    second = {"name": "second", "type": ["null", {"type": "array", "items": "Party"}]}
    assert party_lists({"fields": [first, second, {"name": "n", "type": "int"}]}) == ("first", "second")


def test_every_subject_can_be_asked():
    for subject in subjects():
        party_lists(load_schema(subject, latest_version(subject)))
