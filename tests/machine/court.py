"""What the court sends: seizures and listings."""

from collections.abc import Callable, Mapping
from datetime import date, timedelta

from tests.machine.books import CHINA, RIGHT, Body, Books, Event, Slip, golden
from tests.machine.people import party

Change = Callable[[Body, int], Body]


def _starts_later(body: Body, days: int) -> Body:
    start = (body["start_date"] or body["served_at"].astimezone(CHINA).date()) + timedelta(days=days)
    return body | {"start_date": min(start, body["end_date"] or start)}


def _ends_otherwise(body: Body, days: int) -> Body:
    start = body["start_date"] or body["served_at"].astimezone(CHINA).date()
    return body | {"end_date": start + timedelta(days=days)}


CHANGES: Mapping[str, Change] = {
    "kind": lambda body, _days: body | {"kind": "13"[body["kind"] in "12"]},
    "served": lambda body, _days: body | {"served_at": body["served_at"] - timedelta(hours=30)},
    "start": _starts_later,
    "end": _ends_otherwise,
}
"""What a court may mend of a notice: its kind, the time of service (earlier), the days of its term."""


class Court(Books):
    """Seizures (查封) of houses, contracts and realty units; the list of defaulters (失信被执行人)."""

    def seizure(
        self,
        seized: tuple[str, int],
        kind: str,
        served_hours_ago: int,
        span: int | None,
        waiting_term: str | None,
        *,
        dated: bool,
        slip: Slip = RIGHT,
    ) -> Event:
        """``seized``: what it names, and which; ``span``: days of the stated term, from a stated start if ``dated``. A dated
        one of stock data begins with its renewal."""
        entity_id = self.new_id("seizure")
        served = self._clock() - timedelta(hours=served_hours_ago)
        start = served.astimezone(CHINA).date()
        body = golden("seizure", "seized") | {
            "entity_id": entity_id,
            "seizure_id": entity_id,
            "kind": kind,
            "served_at": served,
            "start_date": start if dated else None,
            "end_date": None if span is None else start + timedelta(days=span - 1),
            "waiting_term": waiting_term,
            **self._target(*seized),
        }
        event_type = "RENEWED" if slip.baseline and dated else "SEIZED"
        return self.begin("court", "seizure", event_type, body, slip)

    def _target(self, kind: str, which: int) -> Body:
        target: Body = {"house_code": None, "contract_no": None, "realty_unit_no": None}
        if kind == "house":
            return target | {"house_code": self.houses[which % 3].code}
        if kind == "contract":
            return target | {"contract_no": f"NO-SA-{self.run}-{which}"}
        if kind == "realty":
            return target | {"realty_unit_no": self.houses[which % 3].realty_unit_no}
        return target

    def in_force(self, which: int) -> int:
        """A seizure that is in force, counted from the last as ``next_seizure`` does; just any if none is."""
        ids = self.entities("seizure")[::-1]
        found = [n for n, name in enumerate(ids) if self._look("seizure", name).status == "EFFECTIVE"]
        return found[which % len(found)] if found else which

    def next_seizure(
        self,
        which: int,
        step: int,
        days: int,
        disposal: str | None,
        *,
        changed: str,
        rekeyed: bool,
        slip: Slip = RIGHT,
    ) -> Event | None:
        """``days``: by which a renewal or a change moves a day. ``changed``: what a change changes. ``rekeyed``: the court
        knows the house by now and names it."""

        def change(body: Body, event_type: str) -> Body:
            if rekeyed and body["house_code"] is None:
                body = body | {"house_code": self._look("seizure", body["entity_id"]).house_code}
            if event_type == "RENEWED":
                kind = "5" if changed == "kind" else body["kind"]
                return body | {
                    "end_date": (body["end_date"] or self.today) + timedelta(days=days),
                    "kind": kind,
                }
            if event_type == "CHANGED" and changed == "target":
                named = ("house", "contract", "realty")[days % 3]
                return body if body["house_code"] else body | self._target(named, 0)
            if event_type == "CHANGED":
                return CHANGES[changed](body, days)
            return body | {"disposal": disposal} if event_type == "RELEASED" else body

        return self.go_on("seizure", which, step, change, slip)

    def listing(self, document: int, list_type: str, days: int | None, slip: Slip = RIGHT) -> Event:
        entity_id = self.new_id("defaulter")
        body = golden("defaulter", "listed") | {
            "entity_id": entity_id,
            "parties": [party("DEFAULTER", self.documents[document])],
            "list_type": list_type,
            "published_on": date(2020, 10, 9),
            "expires_on": None if days is None else self.today + timedelta(days=days),
        }
        return self.begin("court", "defaulter", "LISTED", body, slip)

    def next_listing(
        self, which: int, step: int, document: int | None, days: int | None, slip: Slip
    ) -> Event | None:
        """``document``: the listing turns out to be of another; ``days``: a new end date, from today."""

        def change(body: Body, event_type: str) -> Body:
            if event_type != "CHANGED":
                return body
            if document is not None:
                body = body | {"parties": [party("DEFAULTER", self.documents[document])]}
            return body | {"expires_on": None if days is None else self.today + timedelta(days=days)}

        return self.go_on("defaulter", which, step, change, slip)
