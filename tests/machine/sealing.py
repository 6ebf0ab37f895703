"""Protected values of the histories, encrypted: a sealer, and what must hold of all that was written."""

from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any

from broker.admission.sealing import Sealer
from broker.keys.ciphers import Algorithm
from broker.keys.data_key import DataKey, unwrapped
from broker.keys.master import MasterKey
from broker.keys.places import Places, places_of_subject, record_owner
from broker.keys.store import wrapped_keys
from broker.protected import is_sealed
from schemas.catalogue import load_catalogue
from tests.machine.exchange import Exchange
from tests.machine.knowledge import decoder

MASTER = MasterKey(b"a master key of no exchange, 32 b"[:32])


def sealer(algorithm: Algorithm) -> Callable[[], Sealer]:
    """As ``broker.admission.opening.sealer_of`` makes it."""
    return lambda: Sealer(algorithm, MASTER, _places())


@cache
def _places() -> dict[str, Places]:
    return {subject: places_of_subject(subject) for subject in load_catalogue().subjects}


def written(exchange: Exchange) -> Iterator[tuple[str, str, Mapping[str, Any], Mapping[str, Any]]]:
    """Every protected value that admission has written: the topic, whose it is, what holds it, its envelope."""
    for partition, records in exchange.log.everything().items():
        if partition.topic.startswith("exchange.") or partition.topic == "intake.internal":
            for record in records:
                subject, body = decoder().decode(record.value)
                yield from ((partition.topic, *found) for found in values_of(subject, body))


def values_of(
    subject: str, body: Mapping[str, Any]
) -> Iterator[tuple[str, Mapping[str, Any], Mapping[str, Any]]]:
    """The protected values of a record with their owners and what holds them."""
    places, own = _places()[subject], record_owner(subject, body)
    yield from ((own, body, body[name]) for name in places.own if body[name] is not None)
    for name, inner in places.lists:
        for item in body[name] or ():
            yield from ((item["party_ref"] or own, item, item[one]) for one in inner if item[one] is not None)


class Opener:
    """The keys of an exchange, as they are now."""

    def __init__(self, exchange: Exchange) -> None:
        rows = exchange.own.execute(
            "SELECT key_id, owner, algorithm, wrapped FROM keys.person_key"
        ).fetchall()
        self._rows = {row.key_id: row for row in wrapped_keys(rows)}
        self._keys: dict[str, DataKey | None] = {}

    def __call__(self, envelope: Mapping[str, Any], owner: str) -> str:
        """What a sealed value holds, by its owner's key. Fails if the key is not there, or another's."""
        key_id = envelope["key_id"]
        assert is_sealed(envelope), "in clear, or erased"
        assert self._rows[key_id].owner == owner
        if key_id not in self._keys:
            self._keys[key_id] = unwrapped(self._rows[key_id], MASTER)
        key = self._keys[key_id]
        assert key is not None, "the key is destroyed"
        return key.open(envelope["nonce"], envelope["ciphertext"])
