"""Seizures (domain page 3.2): one queue a house in the order in which the notices were served.

The first is in force and has a term; the others wait and have none. Who comes first takes effect by itself: when the one
before is released (from that day), or has run out (from the day after). Limits of a term: 3 years, and 3 more by each
renewal; before 2015-02-04 2 and 1. A pre-seizure becomes a formal one when the title is registered.
"""

import re
from datetime import date, datetime, time, timedelta
from typing import Any

from tests.machine.model.state import CHINA, QUEUED, Body, State, Thing, years_after

ONE_DAY = timedelta(days=1)
FORMAL_TITLES = ("TITLE", "TRANSFER_COMPLETED")


def limits(on: date) -> tuple[int, int]:
    """The years of a first term, and of each renewal."""
    return (3, 3) if on >= date(2015, 2, 4) else (2, 1)


def served_on(body: Body) -> date:
    on: date = body["served_at"].astimezone(CHINA).date()
    return on


def midnight_after(day: date) -> datetime:
    """When a term with that last day is over."""
    return datetime.combine(day + ONE_DAY, time(), CHINA)


# -- what a seizure may say -------------------------------------------------------------------------------------------


def objections(state: State, body: Body, before: Thing | None) -> set[str]:
    event_type = body["event_type"]
    found = set()
    if event_type in ("SEIZED", "CHANGED") and body["kind"] == "5":
        found.add("RENEWAL_IS_AN_EVENT")
    told = before.body.get("end_date") if before else None
    # A term that was taken already, perhaps by a renewal, is not judged anew with each change of something else.
    if event_type in ("SEIZED", "CHANGED") and body["end_date"] not in (None, told):
        start = body["start_date"] or served_on(body)
        longest = _last(start, limits(served_on(body))[0])
        # What renewals have reached lawfully may be cut, but not gone beyond by a mere change.
        reached = before.body.get("effective_until") if before else None
        if body["end_date"] > max(longest, reached or longest):
            found.add("TERM_TOO_LONG")
    # Stock data may begin with a renewal; then there is no term to hold it against.
    if event_type == "RENEWED" and before is not None and before.body:
        found |= _renewal(body, before.body["effective_until"])
    return found


def _renewal(body: Body, until: date) -> set[str]:
    if body["end_date"] is None or body["end_date"] <= until:
        return {"RENEWAL_TOO_SHORT"}
    renewed_on = body["occurred_at"].astimezone(CHINA).date()
    longest = years_after(until, limits(renewed_on)[1])
    return {"TERM_TOO_LONG"} if body["end_date"] > longest else set()


def _last(start: date, years: int) -> date:
    return years_after(start, years) - ONE_DAY


# -- the queue --------------------------------------------------------------------------------------------------------


def order(thing: Thing) -> tuple[datetime, str]:
    return thing.body["served_at"], thing.key[1]


def queue(state: State, house: str) -> list[Thing]:
    return sorted((s for s in state.on(house, "seizure") if s.status in QUEUED), key=order)


def is_formal(state: State, house: str | None) -> bool:
    """Whether the title stands in somebody's name, so that nothing on this house is *pre* any more."""
    return any(
        t.body["title_kind"] in FORMAL_TITLES and t.body["rights_status_code"] == "1"
        for t in state.on(house, "title")
    )


def effective_kind(state: State, thing: Thing, body: Body, house: str, *, head: bool) -> str:
    """What a seizure is by its place: 1 seizure, 2 waiting, 3 pre-seizure, 4 waiting pre-seizure. What was once converted
    stays formal, whatever becomes of the title."""
    before, was = thing.body.get("kind"), thing.body.get("effective_kind")
    if body["kind"] == "5":
        # A renewal that says no more than that: it is what it renews.
        pre = was in ("3", "4")
    else:
        pre = body["kind"] in ("3", "4") and not (before not in ("1", "2") and was in ("1", "2"))
    pre = pre and not is_formal(state, house)
    return ("3" if pre else "1") if head else ("4" if pre else "2")


def own_term(body: Body) -> tuple[date, date]:
    """The term of a seizure that is first by its own time of service."""
    start = body["start_date"] or served_on(body)
    return start, body["end_date"] or _last(start, limits(served_on(body))[0])


def changed_term(body: Body, was: Body) -> tuple[date, date]:
    """The term of one in force after the court has changed it: a day that it states anew counts, the other one stays. With
    no stated end at all the limit goes along with the beginning. A renewal moves the end alone; whatever else it says, such
    as another kind, counts as in any other record, since a record holds the whole state."""
    start, until = was["effective_from"], was["effective_until"]
    if body["event_type"] == "RENEWED":
        return start, body["end_date"]
    if body["start_date"] not in (None, was["start_date"]):
        start = body["start_date"]
        if body["end_date"] is None and was["end_date"] is None:
            until = _last(start, limits(served_on(body))[0])
    if body["end_date"] not in (None, was["end_date"]):
        until = body["end_date"]
    return start, until


def promoted_term(body: Body, start: date) -> tuple[date, date]:
    """The term of one that takes effect on ``start``: as long as it states, up to the limit."""
    longest = _last(start, limits(served_on(body))[0])
    stated = _stated(body, start)
    return start, longest if stated is None else min(stated, longest)


def _stated(body: Body, start: date) -> date | None:
    if body["start_date"] is not None and body["end_date"] is not None:
        end: date = start + (body["end_date"] - body["start_date"])
        return end
    found = re.fullmatch(r"(\d+)(年|个月|天|日)", body["waiting_term"] or "")
    if found is None:
        return None
    count = int(found[1])
    if found[2] == "年":
        return _last(start, count)
    if found[2] == "个月":
        month = start.month - 1 + count
        year, month = start.year + month // 12, month % 12 + 1
        for day in range(start.day, 0, -1):
            try:
                return date(year, month, day) - ONE_DAY
            except ValueError:
                continue
    return start + (count - 1) * ONE_DAY


def placed(state: State, body: Body, thing: Thing, house: str) -> tuple[str, dict[str, Any]]:
    """The status and the fields of a seizure that (newly) takes its place in a house's queue."""
    others = [s for s in queue(state, house) if s.key != thing.key]
    place = 1 + sum(order(s) < (body["served_at"], thing.key[1]) for s in others)
    fields: dict[str, Any] = {
        "queue_place": place,
        "effective_kind": effective_kind(state, thing, body, house, head=place == 1),
        "effective_from": None,
        "effective_until": None,
    }
    if place > 1:
        return "WAITING", fields
    start, until = changed_term(body, thing.body) if thing.status == "EFFECTIVE" else own_term(body)
    return "EFFECTIVE", fields | {"effective_from": start, "effective_until": until}


def rearrange(state: State, house: str, promoted_from: date) -> None:
    """Let everyone have his place: who is first takes effect, who no longer is waits."""
    for at, thing in enumerate(queue(state, house)):
        head, place = at == 0, at + 1
        kind = effective_kind(state, thing, thing.body, house, head=head)
        fields: dict[str, Any] = {"queue_place": place, "effective_kind": kind}
        if head and thing.status == "WAITING":
            start, until = promoted_term(thing.body, promoted_from)
            state.do(thing, "PROMOTED", "EFFECTIVE", **fields, effective_from=start, effective_until=until)
        elif not head and thing.status == "EFFECTIVE":
            state.do(thing, "REQUEUED", "WAITING", **fields, effective_from=None, effective_until=None)
        elif thing.body["queue_place"] != place:
            state.do(thing, "REQUEUED", **fields)
        elif thing.body["effective_kind"] != kind:
            state.do(thing, "CONVERTED", **fields)


def expire(state: State, house: str) -> None:
    """Let run out what has run out, one after another."""
    while True:
        line = queue(state, house)
        if not line or line[0].status != "EFFECTIVE" or line[0].body["effective_until"] >= state.today:
            return
        until = line[0].body["effective_until"]
        ended = {"occurred_at": midnight_after(until), "effective_kind": None, "queue_place": None}
        state.do(line[0], "EXPIRED", "EXPIRED", **ended)
        rearrange(state, house, until + ONE_DAY)


def lapse(state: State, house: str) -> None:
    for thing in queue(state, house):
        if thing.status == "WAITING":
            state.do(thing, "LAPSED", "LAPSED", effective_kind=None, queue_place=None)
