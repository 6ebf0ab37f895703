"""All kinds of dirt, and here those of versions, bytes and places.

A kind that does not fit a happening is tried with a later one. What is wrong is sent besides the right record, as a
source does that errs and mends; so the lives go on as planned.
"""

from collections.abc import Callable, Iterable

from producers.simulator.dirt_barred import BARRED
from producers.simulator.dirt_basics import Kind, again, right
from producers.simulator.dirt_fields import SPOILERS
from producers.simulator.dirt_law import LAW
from producers.simulator.ledger import Planned
from producers.simulator.numbers import slot_of
from producers.simulator.town import Happen, Town

TOO_LARGE_BYTES = 300_000


def _spoiled(kind: str) -> Kind:
    def make(town: Town, happen: Happen) -> Iterable[Planned] | None:
        spoiled = SPOILERS[kind](town, happen)
        if spoiled is None:
            return None
        wrong = happen.dossier.stray(kind, happen.event_type, {**happen.changes, **spoiled})
        return wrong, right(happen)

    return make


# --- versions and event ids -----------------------------------------------------------------------------------------


def _duplicate(_town: Town, happen: Happen) -> Iterable[Planned]:
    sent = right(happen)
    return sent, sent._replace(dirt="duplicate")


def _event_id_reused(_town: Town, happen: Happen) -> Iterable[Planned]:
    sent = right(happen)
    return sent, again(happen, "event_id_reused", 1, event_id=happen.dossier.state.record["event_id"])


def _stale(_town: Town, happen: Happen) -> Iterable[Planned]:
    return right(happen), again(happen, "stale", 0)


def _version_gap(_town: Town, happen: Happen) -> Iterable[Planned]:
    return right(happen), again(happen, "version_gap", 2)


# --- bytes ----------------------------------------------------------------------------------------------------------


def _bytes(kind: str, spoil: Callable[[Town, bytes], bytes], *, framed: bool) -> Kind:
    def make(town: Town, happen: Happen) -> Iterable[Planned]:
        sent = right(happen)
        fresh = again(happen, kind, 1)
        wrong = fresh._replace(body=spoil(town, fresh.body or b""), record=None, facts=None)
        return sent, wrong if framed else wrong._replace(schema=None)

    return make


def _random_bytes(town: Town, _body: bytes) -> bytes:
    return bytes((town.rng.randrange(1, 256),)) + town.rng.randbytes(town.rng.randrange(4, 400))


def _unknown_schema_id(town: Town, body: bytes) -> bytes:
    return b"\x00\x7f\xff" + town.rng.randbytes(2) + body


def _tombstone(_town: Town, happen: Happen) -> Iterable[Planned]:
    sent = right(happen)
    return sent, sent._replace(schema=None, body=None, record=None, facts=None, dirt="tombstone")


def _too_large(_town: Town, happen: Happen) -> Iterable[Planned]:
    sent = right(happen)
    fresh = again(happen, "too_large", 1, group_id="长" * (TOO_LARGE_BYTES // 3))
    return sent, fresh._replace(record=None, facts=None)


def _wrong_subject(_town: Town, happen: Happen) -> Iterable[Planned]:
    sent = right(happen)
    fresh = again(happen, "wrong_subject", 1)
    return sent, fresh._replace(schema="decision", record=None, facts=None)


# --- places ---------------------------------------------------------------------------------------------------------


def _wrong_partition(town: Town, happen: Happen) -> Iterable[Planned] | None:
    if town.slots < 2:
        return None
    sent = right(happen)
    fresh = again(happen, "wrong_partition", 1)
    slot = slot_of(fresh.key or b"", town.slots)
    return sent, fresh._replace(partition=(slot + town.rng.randrange(1, town.slots)) % town.slots)


def _wrong_key(_town: Town, happen: Happen) -> Iterable[Planned]:
    sent = right(happen)
    return sent, again(happen, "wrong_key", 1)._replace(key=b"K" + happen.dossier.key)


def _bad_envelope(town: Town, happen: Happen) -> Iterable[Planned]:
    sent = right(happen)
    event_id = (
        f"no-uuid-{town.rng.getrandbits(64)}"
        if town.chance(0.5)
        else sent.record["event_id"].upper()
        if sent.record
        else ""
    )
    return sent, again(happen, "bad_envelope", 1, event_id=event_id)


KINDS: dict[str, Kind] = {
    **{name: _spoiled(name) for name in SPOILERS},
    "duplicate": _duplicate,
    "event_id_reused": _event_id_reused,
    "stale": _stale,
    "version_gap": _version_gap,
    "bad_magic": _bytes("bad_magic", _random_bytes, framed=False),
    "unknown_schema": _bytes("unknown_schema", _unknown_schema_id, framed=False),
    "truncated": _bytes("truncated", lambda _, body: body[: len(body) // 2], framed=True),
    "trailing_bytes": _bytes("trailing_bytes", lambda _, body: body + b"\x00\x02", framed=True),
    "tombstone": _tombstone,
    "too_large": _too_large,
    "wrong_subject": _wrong_subject,
    "wrong_partition": _wrong_partition,
    "wrong_key": _wrong_key,
    "bad_envelope": _bad_envelope,
    **LAW,
    **BARRED,
}
