"""Watches: what changes on a house or person that a court's case watches is pushed to the watch, until the case closes.

A watch lies in the slot of its own id, what it watches in others. So it is all done by asking (see ``requests``):

* ``HIT`` asks a watch's slot to note one revision of one entity. Its event id is that of watch, entity and revision: each
  is noted once, whoever asks for it how often.
* ``SOUGHT`` asks the slot of a house (or of a seizure without one) how it stands there: with a ``hit_entity_id`` for that
  entity, without one for all that stands on the house. It answers with a ``HIT`` for the watch. With ``parties`` in place
  of a watch it asks who watches these parties.

All hits of an entity are asked for by the one slot that decides on it, so they reach the watch in the order of its
revisions. Nothing is missed: a house answers ``SOUGHT`` after the watch was committed, so whatever it decides later sees
the watch; and of a watch on a person and a record that names him, the later sees the earlier, by the lock on the party.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from broker.admission.draft import Draft
from broker.admission.facts import WATCHED, concerned, parties
from broker.admission.model import Body, Candidate, Emission, EntityKey, Fact
from broker.admission.reasons import Reason, reason
from broker.admission.requests import HIT, SOUGHT, caused
from broker.protected import clear
from schemas.catalogue import INTERNAL

_ONLY_ID: Body = {
    "role": "WATCHED",
    "name": clear(""),
    "phone": None,
    "contact_address": None,
    "legal_rep": None,
    "household_no": None,
}
"""Of a party, for a request: no more than it is found by."""


def _expired(expires_on: date | None, draft: Draft) -> bool:
    return expires_on is not None and expires_on < draft.today


# -- a watch and an alias seek ----------------------------------------------------------------------------------------


def ask(draft: Draft, own: Emission, cause: str) -> None:
    """A watch that opens or turns to something else seeks what is there; an alias, for the watches on its party."""
    if own.key.subject == "watch" and own.status == "OPEN" and _turns(draft, own):
        if own.body["house_code"]:
            _seek(draft, own.body, cause, own.body["house_code"], None)
        for entity in _entities_of(draft, parties(own.body)):
            _seek(draft, own.body, cause, entity.house_code, entity.entity)
    elif own.key.subject == "alias" and own.status == "LINKED":
        refs = parties(own.body)
        for watch in _told(draft, _on_parties(draft, refs)):
            for entity in _entities_of(draft, refs):
                _seek(draft, watch, cause, entity.house_code, entity.entity)


def _turns(draft: Draft, own: Emission) -> bool:
    """Whether a watch watches something now that it did not before."""
    before = draft.before(own.key)
    was = before.state if before else None
    return was is None or _aim(was) != _aim(own.body) or _expired(was["expires_on"], draft)


def _aim(watch: Body) -> tuple[str | None, list[str]]:
    return watch["house_code"], parties(watch)


def _linked(draft: Draft, refs: Iterable[str]) -> dict[str, None]:
    return dict.fromkeys(same for ref in refs for same in draft.linked(ref))


def _entities_of(draft: Draft, refs: Iterable[str]) -> Iterable[Fact]:
    """What stands of these parties, each once."""
    kinds = ("buyer", "party")
    found = (fact for same in _linked(draft, refs) for kind in kinds for fact in draft.look(kind, same))
    return {fact.entity: fact for fact in found}.values()


def _seek(draft: Draft, watch: Body, cause: str, house: str | None, about: EntityKey | None) -> None:
    name = f"{watch['entity_id']}:{about}" if about else watch["entity_id"]
    body = _request(watch, SOUGHT, caused(cause, name, SOUGHT), draft) | {"house_code": house}
    draft.request("watch", body | _about(about))


def _about(key: EntityKey | None) -> Body:
    subject, entity_id = key or (None, None)
    return {"hit_subject": subject, "hit_entity_id": entity_id}


def _told(draft: Draft, watches: Iterable[Fact]) -> Iterator[Body]:
    """Watches of other slots as far as their facts tell of them, each once, but for those whose days are over."""
    for watch in {fact.entity: fact for fact in watches}.values():
        day = {name: _day(watch.detail(name)) for name in ("opened_on", "expires_on")}
        if not _expired(day["expires_on"], draft):
            told = {name: watch.detail(name) for name in ("court_name", "case_no", "county_code")}
            yield told | day | {"entity_id": watch.entity_id}


def _day(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None


def _request(watch: Body, event_type: str, event_id: str, draft: Draft) -> Body:
    return {
        "event_id": event_id,
        "event_type": event_type,
        "version": 1,
        "source": INTERNAL,
        "occurred_at": draft.at,
        "baseline": False,
        "house_code": None,
        "parties": [],
    } | {name: watch[name] for name in ("entity_id", "county_code", "court_name", "case_no", "opened_on")}


# -- a house tells -----------------------------------------------------------------------------------------------------


def tell(draft: Draft, own: Emission | None) -> None:
    """Ask the watches on what this decision has changed to note it. ``own``: the record's own revision, if it has one.

    Watches on persons are known for the record's own parties alone. For those that it no longer names, and for what the
    exchange itself does to a seizure, the slot asks itself who watches them.
    """
    for emission in draft.emissions:
        if emission.key.subject in WATCHED:
            watches = list(draft.look("watched_house", emission.house_code or ""))
            if emission is own:
                watches += _on_parties(draft, concerned(emission.key.subject, emission.body))
                _seek_parties(draft, emission, _dropped(draft, emission))
            elif emission.key.subject == "seizure":
                _seek_parties(draft, emission, emission.body["debtors"])
            _hit(draft, _told(draft, watches), emission.key, emission.body, emission.status)


def _on_parties(draft: Draft, refs: Iterable[str]) -> list[Fact]:
    return [fact for same in _linked(draft, refs) for fact in draft.look("watched_party", same)]


def _dropped(draft: Draft, own: Emission) -> list[Any]:
    """Parties that the entity named until now."""
    before = draft.before(own.key)
    field = WATCHED[own.key.subject]
    if field is None or before is None or not before.revision:
        return []
    now = {party["party_ref"] for party in own.body[field]}
    return [party for party in before.known[field] if party["party_ref"] not in now]


def _seek_parties(draft: Draft, emission: Emission, named: Sequence[Any]) -> None:
    if not any(party["party_ref"] for party in named):
        return
    nobody: Body = {
        "entity_id": emission.key.entity_id,
        "county_code": emission.body["county_code"],
        "court_name": INTERNAL,
        "case_no": INTERNAL,
        "opened_on": draft.today,
    }
    event_id = caused(emission.body["event_id"], emission.key.entity_id, SOUGHT)
    own = {"house_code": emission.house_code, "parties": [dict(party) | _ONLY_ID for party in named]}
    draft.request("watch", _request(nobody, SOUGHT, event_id, draft) | own | _about(emission.key))


def _hit(draft: Draft, watches: Iterable[Body], key: EntityKey, body: Body, status: str | None) -> None:
    for watch in watches:
        name = f"qianbei:watch:{watch['entity_id']}:{'/'.join(key)}:{body['revision']}"
        request = _request(watch, HIT, str(uuid5(NAMESPACE_URL, name)), draft)
        draft.request("watch", request | _hit_fields(key, body, status))


def _hit_fields(key: EntityKey, body: Body, status: str | None) -> Body:
    return {
        "hit_subject": key.subject,
        "hit_entity_id": key.entity_id,
        "hit_revision": body["revision"],
        "hit_event_type": body["event_type"],
        "hit_status": status,
        "hit_house_code": body.get("house_code") or body.get("bound_house_code"),
        "hit_recorded_at": body["recorded_at"],
    }


# -- what is asked ---------------------------------------------------------------------------------------------------------


def sought(draft: Draft, candidate: Candidate) -> Sequence[Reason]:
    """Tell a watch, or whoever watches these parties, how it stands here."""
    body = candidate.body
    watching = _told(draft, _on_parties(draft, parties(body)))
    watches = list(watching) if body["parties"] else [body]
    for key in _present(draft, candidate):
        entity = draft.entity(key)
        if entity is not None and entity.revision and entity.slot == draft.slot:
            _hit(draft, watches, key, entity.known, entity.status)
    return ()


def _present(draft: Draft, candidate: Candidate) -> Iterator[EntityKey]:
    body, house = candidate.body, candidate.house_code
    if body["hit_entity_id"]:
        yield EntityKey(body["hit_subject"], body["hit_entity_id"])
    elif house is not None:
        yield EntityKey("unit", house)
        yield from sorted(key for key in draft.claims(house) if key.subject in WATCHED)


def hit(draft: Draft, candidate: Candidate) -> Sequence[Reason]:
    """Note a change on the watch, if it is still open."""
    watch = draft.entity(candidate.key)
    if watch is None or watch.status != "OPEN" or _expired(watch.known["expires_on"], draft):
        return (reason("MOOT", evidence=(draft.evidence(candidate.key),)),)
    noted = {name: value for name, value in candidate.body.items() if name.startswith("hit_")}
    draft.change(candidate.key, HIT, candidate.event_id, **noted)
    return ()
