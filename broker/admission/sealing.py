"""Sealing: protected values are encrypted, each under its owner's key, as a record is put on the wire.

A value that is sealed already (carried over from an earlier revision) stays as it lies. So admission opens nothing: a
decision is made on what the source sent in clear, and on references.

Keys are made and read within the transaction that decides the batch (``broker.keys.store.hold``): a crash leaves no record
without its key, and what is committed was sealed under a key that was live.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from broker.admission.batch import Decider
from broker.admission.model import Body, Candidate
from broker.codec import Encode
from broker.keys import store
from broker.keys.ciphers import Algorithm
from broker.keys.data_key import DataKey, WrappedKey, new_key, unwrapped
from broker.keys.master import MasterKey
from broker.keys.places import PARTY_REF, Places, record_owner
from broker.protected import Envelope
from broker.store.connect import Connection
from schemas.files import CLEAR

MOST_KEYS = 50_000


class Sealer:
    """The keys of one session. They are remembered as long as none was retired."""

    def __init__(self, algorithm: Algorithm, master: MasterKey, places: Mapping[str, Places]) -> None:
        self.algorithm = algorithm
        self.master = master
        self.places = places
        self.known: dict[str, DataKey] = {}
        self._retirements = -1

    def begin(self, db: Connection, candidates: Iterable[Candidate]) -> "Sealing":
        """Within a transaction: what its records are sealed by, with the keys of the candidates' owners at hand."""
        retirements = store.hold(db)
        if retirements != self._retirements or len(self.known) > MOST_KEYS:
            self.known.clear()
            self._retirements = retirements
        sealing = Sealing(self, db)
        sealing.load({owner for one in candidates for owner in self._owners(one)} - self.known.keys())
        return sealing

    def _owners(self, candidate: Candidate) -> Iterator[str]:
        places, body = self.places[candidate.subject], candidate.body
        if any(body.get(name) for name in places.own):
            yield record_owner(candidate.subject, body)
        for name, _ in places.lists:
            yield from (item[PARTY_REF] for item in body.get(name) or () if item[PARTY_REF])


class Sealing:
    """The sealing of one transaction. Keys that it makes are the session's once ``keep`` is called after the commit."""

    def __init__(self, sealer: Sealer, db: Connection) -> None:
        self._sealer = sealer
        self._db = db
        self._made: dict[str, tuple[DataKey, WrappedKey]] = {}

    def decider(self, decider: Decider) -> Decider:
        """The same decider, whose records are sealed as they are encoded."""
        encoders = decider.encoders
        sealed = replace(encoders, exchange=self._all(encoders.exchange), intake=self._all(encoders.intake))
        return replace(decider, encoders=sealed)

    def load(self, owners: set[str]) -> None:
        """Fetch the live keys of these owners, as far as they have any."""
        for row in store.live_keys(self._db, owners, self._sealer.algorithm):
            key = unwrapped(row, self._sealer.master)
            assert key is not None, "a live key is not destroyed"
            self._sealer.known[row.owner] = key

    def save(self) -> None:
        """Write the keys that were made."""
        if self._made:
            store.add(self._db, [row for _, row in self._made.values()])

    def keep(self) -> None:
        """The transaction is committed: its keys are there to stay."""
        self._sealer.known |= {owner: key for owner, (key, _) in self._made.items()}

    def seal(self, subject: str, body: Body) -> Body:
        """The record with every protected value sealed; ``body`` itself is not changed."""
        places = self._sealer.places[subject]
        record = record_owner(subject, body)
        # What the exchange asks of itself may leave out what has a default.
        sealed: Body = {name: self._value(body[name], record) for name in places.own if body.get(name)}
        for name, inner in places.lists:
            if body.get(name):
                sealed[name] = [self._item(item, inner, record) for item in body[name]]
        return body | sealed

    def _item(self, item: Mapping[str, Any], names: tuple[str, ...], record: str) -> Body:
        owner = item[PARTY_REF] or record
        return {**item, **{name: self._value(item.get(name), owner) for name in names}}

    def _value(self, envelope: Envelope | None, owner: str) -> Envelope | None:
        if envelope is None or envelope["key_id"] != CLEAR:
            return envelope
        return self._key(owner).seal(envelope)

    def _key(self, owner: str) -> DataKey:
        known = self._sealer.known
        if owner not in known and owner not in self._made:
            # Rare: whom a record names that came in clear before, and that another event now writes again.
            self.load({owner})
            if owner not in known:
                self._made[owner] = new_key(owner, self._sealer.algorithm, self._sealer.master)
        return known[owner] if owner in known else self._made[owner][0]

    def _all(self, encode: Mapping[str, Encode]) -> dict[str, Encode]:
        return {subject: self._sealed(subject, plain) for subject, plain in encode.items()}

    def _sealed(self, subject: str, encode: Encode) -> Callable[[Body], bytes]:
        if not self._sealer.places[subject].any:
            return encode
        return lambda body: encode(self.seal(subject, body))
