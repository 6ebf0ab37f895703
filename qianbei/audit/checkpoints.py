"""Checkpoints: whose signatures hold, whether any is missing, and which heads they vouch for."""

import hashlib
import json
import sqlite3
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from broker.errors import ConfigError
from qianbei.audit.findings import Finding, Kind, Report
from qianbei.audit.tables import Checkpoint
from schemas.said import said

TABLE = "audit.checkpoint"
FORMAT = "qianbei-audit-1"


@dataclass(frozen=True, slots=True)
class Signed:
    """A head that a checkpoint vouches for: after the record at offset ``last``, the ``records``-th of its chain."""

    sequence: int
    last: int
    records: int
    sha256: str
    sm3: str
    places_sha256: str


def public_keys(folder: Path) -> dict[str, Ed25519PublicKey]:
    """The site's public keys, by id. Raises ConfigError if there are none, or one is no key."""
    found = {}
    for path in sorted(folder.glob("*.pub")):
        try:
            raw = bytes.fromhex(path.read_text(encoding="ascii").strip())
            found[hashlib.sha256(raw).hexdigest()[:16]] = Ed25519PublicKey.from_public_bytes(raw)
        except (OSError, ValueError) as error:
            raise ConfigError(
                said("{path} is no public key: {kind}", path=path, kind=type(error).__name__)
            ) from None
    if not found:
        raise ConfigError(said("no public key lies in {folder}: run `qianbei deploy` first", folder=folder))
    return found


class SignedHeads:
    """The heads of all checkpoints, in a file beside memory: there may be very many."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        db.execute(
            "CREATE TABLE head (topic, partition, last, sequence, records, sha256, sm3, places,"
            " PRIMARY KEY (topic, partition, last, sequence)) WITHOUT ROWID"
        )

    def add(self, sequence: int, heads: Iterable[Any]) -> None:
        """Keep the heads of one checkpoint."""
        rows = [(t, p, last, sequence, n, sha, sm3, places) for t, p, last, n, sha, sm3, places in heads]
        self._db.executemany("INSERT OR REPLACE INTO head VALUES (?, ?, ?, ?, ?, ?, ?, ?)", rows)

    def of(self, topic: str, partition: int, beyond: int) -> Iterator[Signed]:
        """The signed heads of a chain beyond an offset, in order."""
        query = """SELECT sequence, last, records, sha256, sm3, places FROM head
        WHERE topic = ? AND partition = ? AND last > ? ORDER BY last, sequence"""
        for row in self._db.execute(query, (topic, partition, beyond)):
            yield Signed(*row)

    def newest(self, topic: str, partition: int, sequence: int) -> Signed | None:
        """The newest head of a chain that a checkpoint up to this one has signed."""
        query = """SELECT sequence, last, records, sha256, sm3, places FROM head
        WHERE topic = ? AND partition = ? AND sequence <= ? ORDER BY last DESC LIMIT 1"""
        row = self._db.execute(query, (topic, partition, sequence)).fetchone()
        return None if row is None else Signed(*row)

    def chains(self) -> set[tuple[str, int]]:
        """The chains that any checkpoint knows."""
        return set(self._db.execute("SELECT DISTINCT topic, partition FROM head"))


@contextmanager
def spooled() -> Iterator[SignedHeads]:
    """An empty spool, removed at the end."""
    with tempfile.TemporaryDirectory(prefix="qianbei-audit-") as folder:
        db = sqlite3.connect(Path(folder) / "heads.sqlite")
        try:
            db.execute("PRAGMA synchronous = OFF")
            yield SignedHeads(db)
        finally:
            db.close()


def judge(
    found: Iterable[Checkpoint],
    keys: Mapping[str, Ed25519PublicKey],
    held: Mapping[int, str],
    heads: SignedHeads,
    report: Report,
) -> None:
    """Check every checkpoint and spool the heads of the sound ones. ``held``: bodies that a third party has kept."""
    before: Checkpoint | None = None
    seen = set()
    for one in found:
        report.checkpoints += 1
        seen.add(one.sequence)
        expected = before.sequence + 1 if before else 1
        if one.sequence != expected:
            _add(report, Kind.CHECKPOINT, expected, one.sequence - 1, said("no such row"))
        wrong = _wrong(one, before if one.sequence == expected else None, keys)
        if wrong is not None:
            _add(report, Kind.SIGNATURE, one.sequence, one.sequence, wrong)
        elif one.sequence in held and held[one.sequence] != one.body:
            _add(
                report,
                Kind.REWRITTEN,
                one.sequence,
                one.sequence,
                said("the copy that was kept says otherwise"),
            )
        else:
            heads.add(one.sequence, json.loads(one.body)["heads"])
        before = one
    for sequence in sorted(held.keys() - seen):
        _add(report, Kind.CHECKPOINT, sequence, sequence, said("a copy was kept, and there is no such row"))


def _wrong(one: Checkpoint, before: Checkpoint | None, keys: Mapping[str, Ed25519PublicKey]) -> str | None:
    key = keys.get(one.key_id)
    if key is None:
        return said("signed by {key_id}, which is none of the site's keys", key_id=one.key_id)
    try:
        key.verify(one.signature, one.body.encode())
    except InvalidSignature:
        return said("the signature is not of these bytes")
    body = json.loads(one.body)
    if body["format"] != FORMAT or body["sequence"] != one.sequence:
        return said("signed as another checkpoint")
    if before is not None and body["previous"] != hashlib.sha256(before.body.encode()).hexdigest():
        return said("it follows another checkpoint than the one before it")
    return None


def _add(report: Report, kind: Kind, first: int, last: int, detail: str) -> None:
    report.findings.append(Finding(kind, TABLE, 0, first, last, detail))
