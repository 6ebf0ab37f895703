"""The steps of an erasure. Each can be repeated: interrupted, the same command goes on where it was.

1. look for what stands against it: in ``latest``, and in what admission has decided this moment; if anything does, end;
2. retire the person's keys: whatever is sealed for him from here on is sealed under another key, and is kept;
3. wait until all that was sealed before is in ``latest``, and look once more;
4. ask admission to erase him from every record that names him, until none does;
5. count the copies that are left, while they can still be recognised;
6. destroy his keys, and those of records that name nobody any more.

Until 6 nothing is lost: if something comes to stand against it meanwhile, it ends and what it has asked for is withdrawn.
"""

import secrets
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from psycopg.types.json import Jsonb

from broker.deploy import installation_topics
from broker.errors import Unavailable
from broker.kafka import Connection, PartitionReader
from broker.keys import store
from broker.keys.keyring import Keyring
from broker.keys.places import record_owner
from broker.registry import Registry
from broker.released import decoder, exchange_subject
from broker.settings import Settings
from broker.store.connect import Connection as Database
from broker.store.connect import connected, translated
from broker.store.roles import ERASER
from broker.topics import OPERATOR
from qianbei.acts import Act
from qianbei.documents import Document
from qianbei.erasure.copies import Copy, Found, Search, Tell
from qianbei.erasure.holdings import Ground, Holding, grounds, holdings, standing
from qianbei.erasure.person import refs_of
from qianbei.erasure.waiting import await_folded
from qianbei.site import Site
from schemas.catalogue import INTERNAL
from schemas.dates import day_in_china
from schemas.said import said

_PAUSE_S = 0.3

Name = tuple[str, str]
"""A record's subject and entity id."""


@dataclass(frozen=True, slots=True)
class Erased:
    """What came of it. With ``grounds`` nothing was destroyed; ``done`` is false for a trial too."""

    done: bool
    erasure_id: str | None
    records: list[Name] = field(default_factory=list)
    """The records that name, or named, the person."""
    grounds: list[Ground] = field(default_factory=list)
    keys: int = 0
    """Keys destroyed."""
    sealed: int = 0
    """Records of ``exchange.*`` that cannot be read any more, or by a trial could not be."""
    copies: list[Copy] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """As JSON types. It names records and no person."""
        return {
            "done": self.done,
            "erasure_id": self.erasure_id,
            "records": [{"subject": subject, "entity_id": name} for subject, name in self.records],
            "grounds": [one.as_dict() for one in self.grounds],
            "keys_destroyed": self.keys,
            "records_unreadable": self.sealed,
            "copies_left": [one.as_dict() for one in self.copies],
        }


def erase(
    site: Site,
    document: Document,
    act: Act | None,
    tell: Tell,
    *,
    patience_s: float = 120.0,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> Erased:
    """Erase the person with this document; ``act`` None: a trial that changes nothing.

    Raises Unavailable if a service does not come to the end in time: run it again.
    """
    settings = site.settings(OPERATOR, role=ERASER)
    with translated(settings.dsn()), connected(settings.dsn(), "qianbei erase") as db:
        refs = refs_of(db, document.ref(settings.party_key()))
        return _Run(settings, db, document, refs, clock, patience_s).run(act, tell)


@dataclass(slots=True)
class _Run:
    settings: Settings
    db: Database
    document: Document
    refs: frozenset[str]
    clock: Callable[[], datetime]
    patience_s: float
    seen: dict[Name, Holding] = field(default_factory=dict)
    """Every record that named the person while this ran, as it was last seen."""

    def run(self, act: Act | None, tell: Tell) -> Erased:
        _, found = self._look()
        if found:
            return Erased(False, None, self._records(), found)
        if act is None:
            looked = self._search(tell)
            return Erased(False, None, self._records(), [], 0, looked.sealed.total(), self._copies(looked))
        erasure_id = self._begin(act)
        await_folded(self.db, self._kafka, self.patience_s)
        if found := self._until_nothing_names_him(erasure_id):
            self._withdraw(erasure_id)
            return Erased(False, erasure_id, self._records(), found)
        looked = self._search(tell)
        return self._destroy(erasure_id, looked)

    # -- what stands against it ------------------------------------------------------------------------------------

    def _look(self) -> tuple[list[Holding], list[Ground]]:
        """The records that name the person now, and what stands against erasing him."""
        held = holdings(self.db, self.refs)
        for one in held:
            self.seen[one.subject, one.entity_id] = one
        found = grounds(held, self.settings.retention(), day_in_china(self.clock()))
        known = {(one.subject, one.entity_id) for one in held}
        # What runs out by its day alone still stands by admission's word, and was judged above.
        live = [one for one in standing(self.db, self.refs) if (one.subject, one.entity_id) not in known]
        return held, found + live

    def _records(self) -> list[Name]:
        return sorted(self.seen)

    # -- the steps -------------------------------------------------------------------------------------------------

    def _begin(self, act: Act) -> str:
        """Take up an erasure of this person that was interrupted, or begin one."""
        with self.db.transaction():
            row = self.db.execute(
                "SELECT erasure_id FROM keys.erasure WHERE finished_at IS NULL AND refs && %s"
                " ORDER BY begun_at LIMIT 1",
                (sorted(self.refs),),
            ).fetchone()
            erasure_id = str(row[0]) if row else secrets.token_hex(8)
            if row is None:
                self.db.execute(
                    "INSERT INTO keys.erasure (erasure_id, refs, operator, reason) VALUES (%s, %s, %s, %s)",
                    (erasure_id, sorted(self.refs), act.operator, act.reason),
                )
            store.retire(self.db, self._owners(self.seen), erasure_id)
        return erasure_id

    def _until_nothing_names_him(self, erasure_id: str) -> list[Ground]:
        """Ask until it is so. Returns what came to stand against it."""
        deadline = time.monotonic() + self.patience_s
        asked: set[str] = set()
        while True:
            held, found = self._look()
            if found or not held:
                return found
            if new := [one for one in held if _event_id(erasure_id, one) not in asked]:
                self._ask(erasure_id, new)
                asked |= {_event_id(erasure_id, one) for one in new}
            if time.monotonic() > deadline:
                raise Unavailable(
                    said(
                        "{count} records still name the person after {patience:.0f} s: see `qianbei lag` whether "
                        "admission and compaction run, and run this again",
                        count=len(held),
                        patience=self.patience_s,
                    )
                )
            time.sleep(_PAUSE_S)

    def _ask(self, erasure_id: str, held: Iterable[Holding]) -> None:
        """Retire again what was made meanwhile, and have admission erase the person from these records."""
        held = list(held)
        with self.db.transaction():
            store.retire(self.db, self._owners(map(_name, held)), erasure_id)
            self.db.cursor().executemany(
                "INSERT INTO keys.request (event_id, erasure_id, subject, entity_id, refs, alone)"
                " VALUES (%s, %s, %s, %s, %s, %s) ON CONFLICT (event_id) DO NOTHING",
                [
                    (_event_id(erasure_id, one), erasure_id, *_name(one), sorted(self.refs), one.alone)
                    for one in held
                ],
            )

    def _withdraw(self, erasure_id: str) -> None:
        """Take back what is not decided. What is decided must still be known when the erasure is taken up again."""
        self.db.execute(
            "DELETE FROM keys.request r WHERE erasure_id = %s AND NOT EXISTS"
            " (SELECT FROM admission.decision d WHERE d.principal = %s AND d.event_id = r.event_id)",
            (erasure_id, INTERNAL),
        )

    def _destroy(self, erasure_id: str, looked: Found) -> Erased:
        copies = self._copies(looked)
        with self.db.transaction():
            asked = self.db.execute(
                "SELECT subject, entity_id, bool_and(alone) FROM keys.request WHERE erasure_id = %s"
                " GROUP BY subject, entity_id ORDER BY subject, entity_id",
                (erasure_id,),
            ).fetchall()
            records = [(str(subject), str(entity_id)) for subject, entity_id, _ in asked]
            alone = {name for name, row in zip(records, asked, strict=True) if row[2]}
            keys = store.destroy(self.db, self._owners(alone), erasure_id)
            done = Erased(True, erasure_id, records, [], keys, looked.sealed.total(), copies)
            self.db.execute("DELETE FROM keys.request WHERE erasure_id = %s", (erasure_id,))
            self.db.execute(
                "UPDATE keys.erasure SET finished_at = now(), refs = '{}', report = %s WHERE erasure_id = %s",
                (Jsonb(done.as_dict()), erasure_id),
            )
        return done

    def _owners(self, records: Iterable[Name]) -> frozenset[str]:
        return self.refs | {record_owner(subject, {"entity_id": name}) for subject, name in records}

    # -- the copies ------------------------------------------------------------------------------------------------

    @property
    def _kafka(self) -> Connection:
        return Connection.of(self.settings)

    def _search(self, tell: Tell) -> Found:
        subjects = self.settings.installation().catalogue.subjects
        with (
            Registry(self.settings.registry_url) as registry,
            Keyring.of(self.settings) as keyring,
            PartitionReader(self._kafka) as reader,
        ):
            exchange = decoder(registry, [exchange_subject(subject) for subject in subjects])
            search = Search(self.refs, self.document, exchange, keyring)
            return search.run(reader, installation_topics(self.settings.installation()), tell)

    def _copies(self, looked: Found) -> list[Copy]:
        return looked.copies(installation_topics(self.settings.installation()))


def _name(one: Holding) -> Name:
    return one.subject, one.entity_id


def _event_id(erasure_id: str, one: Holding) -> str:
    """Of what is asked of a record in one revision: asked again it is a duplicate, of a later revision it is not."""
    name = f"qianbei:erasure:{erasure_id}:{one.subject}/{one.entity_id}:{one.revision}"
    return str(uuid5(NAMESPACE_URL, name))
