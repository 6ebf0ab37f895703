"""Facts in Postgres: which parties are one, the locks that hold facts still, reading them and telling them anew.

The order is what makes it safe. Which names must be locked depends on aliases, and aliases are facts that others may
change until they are locked: so aliases are read, the locks taken, and then everything is read again. If the aliases
grew in between, the locks were too few, and the batch begins anew.
"""

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from zlib import crc32

from broker.admission.facts import Lookup, aliases_in
from broker.admission.model import Candidate, EntityKey, Fact
from broker.admission.needs import TAKES_BACK, Aliases, needs_of, parties_of
from broker.admission.store.rows import Contended, typed
from broker.admission.workspace import Workspace
from broker.store.connect import Connection
from schemas.said import said

LOCK_CLASS = 0x5142
"""The first of the two numbers of each advisory lock: "QB"."""

BUCKETS = 1024
"""Names are locked by bucket. However many names a batch has, it takes at most so many of the server's locks, whose
table is shared by all (see ``max_locks_per_transaction``); and 16 instances with full batches still fit into it. Two
names in one bucket only wait for each other without need, for as long as one batch takes."""


def load_facts(
    db: Connection, candidates: Sequence[Candidate], workspace: Workspace, *, locked: bool
) -> None:
    """Lock what the candidates need held still, and read it. Raises Contended if parties were linked meanwhile."""
    told = _told(db, {c.key for c in candidates if c.subject in TAKES_BACK})
    parties = set[str]().union(*map(parties_of, candidates)) | _parties_in(told)
    aliases = closure(db, parties)
    needs = needs_of(candidates, aliases, told)
    if locked:
        lock(db, needs.locks)
    workspace.shared = {lookup: {} for lookup in needs.reads}
    for fact in _found(db, needs.reads):
        if fact.kind == "alias" and not aliases[fact.key].issuperset(aliases_in(fact)):
            raise Contended(said("parties were linked at the same moment"))
        workspace.shared[fact.kind, fact.key][fact.entity] = fact
        _note(workspace, fact)
    for fact in told:
        _note(workspace, fact)


def _note(workspace: Workspace, fact: Fact) -> None:
    workspace.told[fact.entity] = workspace.told.get(fact.entity, frozenset()) | {fact}


def _parties_in(told: Iterable[Fact]) -> set[str]:
    """Parties of which something may be taken back: whoever is the same party is concerned as well."""
    return {fact.key for fact in told if fact.kind in ("listing", "alias")}


def closure(db: Connection, parties: Collection[str]) -> Aliases:
    """All references of each of these parties, with those of every reference found on the way."""
    links: dict[str, set[str]] = {}
    waiting = set(parties)
    while waiting:
        links |= {ref: set() for ref in waiting}
        for fact in _found(db, {("alias", ref) for ref in waiting}):
            links[fact.key].update(aliases_in(fact))
        waiting = set[str]().union(*links.values()) - links.keys()
    return _components(links)


def _components(links: Mapping[str, set[str]]) -> Aliases:
    found: dict[str, frozenset[str]] = {}
    for ref in links:
        if ref not in found:
            same, waiting = {ref}, [ref]
            while waiting:
                new = links[waiting.pop()] - same
                same |= new
                waiting += new
            found |= dict.fromkeys(same, frozenset(same))
    return found


# -- locks -------------------------------------------------------------------------------------------------------------


def bucket_of(name: str) -> int:
    """The bucket of a name: the same in every process and version, or two instances would lock past each other."""
    return crc32(name.encode()) % BUCKETS


def lock(db: Connection, names: Mapping[str, bool]) -> None:
    """Lock names until the end of the transaction (True: exclusively), however long others take to let go.

    One statement, in ascending order, and shared and exclusive ones mixed: were they taken in two rounds, two batches
    could each hold what the other waits for.
    """
    buckets: dict[int, bool] = {}
    for name, exclusive in names.items():
        bucket = bucket_of(name)
        buckets[bucket] = buckets.get(bucket, False) or exclusive
    if buckets:
        ascending = sorted(buckets)
        db.execute(
            "SELECT CASE WHEN exclusive THEN pg_advisory_xact_lock(%s, bucket)"
            " ELSE pg_advisory_xact_lock_shared(%s, bucket) END"
            " FROM unnest(%b::int[], %b::bool[]) AS wanted(bucket, exclusive)",
            (LOCK_CLASS, LOCK_CLASS, ascending, [buckets[bucket] for bucket in ascending]),
        )


# -- reading -----------------------------------------------------------------------------------------------------------


def _told(db: Connection, entities: Collection[EntityKey]) -> list[Fact]:
    """All that these entities tell now."""
    if not entities:
        return []
    keys = sorted(entities)
    rows = db.execute(
        "SELECT kind, key, subject, entity_id, revision, house_code, details"
        " FROM unnest(%b::text[], %b::text[]) AS k(subject, entity_id) JOIN admission.fact USING (subject, entity_id)",
        ([k.subject for k in keys], [k.entity_id for k in keys]),
    ).fetchall()
    return [_fact(*row) for row in typed(rows)]


def _found(db: Connection, lookups: Iterable[Lookup]) -> Iterator[Fact]:
    """The facts under these kinds and keys."""
    # Keys come from records that are not yet checked. Postgres takes no NUL in a text, and so knows no such fact.
    askable = sorted(lookup for lookup in lookups if "\0" not in lookup[1])
    if not askable:
        return
    rows = db.execute(
        "SELECT kind, key, subject, entity_id, revision, house_code, details"
        " FROM unnest(%b::text[], %b::text[]) AS k(kind, key) JOIN admission.fact USING (kind, key)",
        ([kind for kind, _ in askable], [key for _, key in askable]),
    ).fetchall()
    for row in typed(rows):
        yield _fact(*row)


def _fact(
    kind: str,
    key: str,
    subject: str,
    entity_id: str,
    revision: int,
    house_code: str | None,
    details: Mapping[str, str | None],
) -> Fact:
    return Fact(kind, key, subject, entity_id, revision, house_code, tuple(sorted(details.items())))


# -- writing -----------------------------------------------------------------------------------------------------------


def save_facts(db: Connection, workspace: Workspace) -> None:
    """Write what the revised entities tell now in place of what they told before."""
    # Only those known before can have told anything. What they told is asked of the table and not of the workspace:
    # of contracts, a batch reads only the facts that it looks for.
    known = sorted(key for key in workspace.revised if key in workspace.owners)
    if known:
        db.execute(
            "DELETE FROM admission.fact f USING unnest(%b::text[], %b::text[]) AS k(subject, entity_id)"
            " WHERE f.subject = k.subject AND f.entity_id = k.entity_id",
            ([k.subject for k in known], [k.entity_id for k in known]),
        )
    # One entity may tell two things under one key, such as two terms of one permit: the last by its text is kept.
    told = {fact[:4]: fact for key in workspace.revised for fact in sorted(workspace.told[key], key=repr)}
    if told:
        _insert(db, [told[key] for key in sorted(told)])


def _insert(db: Connection, facts: Sequence[Fact]) -> None:
    db.execute(
        "INSERT INTO admission.fact (kind, key, subject, entity_id, revision, house_code, details)"
        " SELECT k, n, s, e, r, h, d::jsonb FROM unnest(%b::text[], %b::text[], %b::text[], %b::text[], %b::bigint[],"
        " %b::text[], %b::text[]) AS v(k, n, s, e, r, h, d)",
        (
            [fact.kind for fact in facts],
            [fact.key for fact in facts],
            [fact.subject for fact in facts],
            [fact.entity_id for fact in facts],
            [fact.revision for fact in facts],
            [fact.house_code for fact in facts],
            [json.dumps(dict(fact.details), ensure_ascii=False) for fact in facts],
        ),
    )
