"""Protected values: names, identity numbers, phones, addresses, and the reference by which parties are matched.

An *envelope* is the record ``{"key_id", "nonce", "ciphertext"}`` that stands in a record for a protected value.  Its
key id is ``clear`` while encryption is off: the nonce is empty, and the ciphertext is the UTF-8 text itself. It is
``erased``, with nothing else in it, once the person's data were erased. Any other names the key under which the value is
*sealed* (``broker.keys``).

A *party reference* is the hexadecimal HMAC-SHA256 of ``<id_type>|<normalised id_no>``, so that equal documents can be
found without their numbers.  Its key is held by admission alone and is never changed.  A citizen's number of 15 digits
is not turned into one of 18 here: one person under two numbers is said by an alias.

No error of this module holds a protected value.
"""

import hmac
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from broker.errors import QianbeiError
from schemas.files import CLEAR, ERASED
from schemas.said import said

Envelope = dict[str, Any]
Reveal = Callable[[Mapping[str, Any]], str | None]
"""How a reader opens envelopes: the value, None for one that was erased. Raises UnreadableValue, ConfigError, Unavailable."""


class UnreadableValue(QianbeiError):
    """A protected value that is not in clear, or whose bytes are no UTF-8 text."""


def clear(value: str) -> Envelope:
    """The envelope of a value while encryption is off."""
    return {"key_id": CLEAR, "nonce": b"", "ciphertext": value.encode()}


def erased() -> Envelope:
    """The envelope of a value that was erased."""
    return {"key_id": ERASED, "nonce": b"", "ciphertext": b""}


def is_sealed(envelope: Mapping[str, Any]) -> bool:
    """Whether the value is encrypted."""
    return envelope["key_id"] not in (CLEAR, ERASED)


def present(envelope: Mapping[str, Any]) -> str | None:
    """The value of an envelope in clear, None for one that was erased: a reader without keys.  Raises UnreadableValue."""
    return None if envelope["key_id"] == ERASED else reveal(envelope)


def reveal(envelope: Mapping[str, Any]) -> str:
    """The value of an envelope in clear.  Raises UnreadableValue."""
    if envelope["key_id"] != CLEAR or envelope["nonce"]:
        raise UnreadableValue(
            said("the value is not in clear: its key_id must be 'clear' and its nonce empty")
        )
    ciphertext: bytes = envelope["ciphertext"]
    try:
        return ciphertext.decode()
    except UnicodeDecodeError:
        raise UnreadableValue(said("the value's bytes are no UTF-8 text")) from None


def normalise_id(id_no: str) -> str:
    """The form of a document's number by which it is matched: NFKC, no blanks around it, upper case."""
    if id_no.isascii():
        return id_no.strip().upper()
    return unicodedata.normalize("NFKC", id_no).strip().upper()


def party_ref(key: bytes, id_type: str, id_no: str) -> str:
    """The reference of a party by its document: 64 hexadecimal digits."""
    return hmac.digest(key, f"{id_type}|{normalise_id(id_no)}".encode(), "sha256").hex()


def fill_party_refs(
    record: dict[str, Any], key: bytes, list_fields: Iterable[str], *, own: bool = False
) -> None:
    """Set ``party_ref`` of each party in the named lists of `record`, in place, whatever stood there before.

    A party whose number cannot be read gets None; the field checks refuse it. ``own``: the exchange wrote the record
    itself, and a party whose number is sealed or erased keeps the reference that it was given.
    """
    for name in list_fields:
        for party in record[name] or ():
            if not own or party["id_no"]["key_id"] == CLEAR:
                party["party_ref"] = _ref_of(party, key)


def party_lists(schema: dict[str, Any]) -> tuple[str, ...]:
    """The fields of a subject's schema that are lists of parties: arrays of a record that has a ``party_ref``."""
    named: dict[str, Any] = {}
    return tuple(field["name"] for field in schema["fields"] if _holds_parties(field["type"], named))


def _ref_of(party: dict[str, Any], key: bytes) -> str | None:
    try:
        return party_ref(key, party["id_type"], reveal(party["id_no"]))
    except UnreadableValue:
        return None


def _holds_parties(kind: Any, named: dict[str, Any]) -> bool:
    """Whether a type is a list of parties; remembers the records on the way, as later fields name them only."""
    if isinstance(kind, list):
        return any(_holds_parties(branch, named) for branch in kind)
    if isinstance(kind, dict) and kind["type"] == "array":
        items = kind["items"]
        _remember(items, named)
        record = named.get(items) if isinstance(items, str) else items
        return isinstance(record, dict) and any(f["name"] == "party_ref" for f in record.get("fields", ()))
    _remember(kind, named)
    return False


def _remember(kind: Any, named: dict[str, Any]) -> None:
    if isinstance(kind, dict) and kind.get("type") == "record":
        name: str = kind["name"]
        named[name] = named[name.rpartition(".")[2]] = kind
        for field in kind["fields"]:
            _holds_parties(field["type"], named)
