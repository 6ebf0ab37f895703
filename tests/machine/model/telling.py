"""What a refusal tells the court that it is due to: one notice an attempt and cause, whatever is sent again."""

from tests.machine.model.rules import listings
from tests.machine.model.state import Body, Key, State, Thing, people


def notice_key(attempt: Key, cause: Key) -> Key:
    return ("notice", (attempt, cause))


def tell(
    state: State, subject: str, body: Body, codes: set[tuple[str, str]], known: set[tuple[str, str]]
) -> None:
    """The notices of a refused record. ``known``: the buyers whom nobody judged again."""
    attempt = (subject, body["entity_id"])
    for cause in _causes(state, body, codes, known):
        key = notice_key(attempt, cause.key)
        if key not in state.things:
            thing = Thing(key, "internal", body["house_code"], highest=1)
            thing.body = {
                "house_code": body["house_code"],
                "case_no": cause.body["case_no"],
                "baseline": False,
            }
            state.do(thing, "ISSUED", "ISSUED")


def _causes(
    state: State, body: Body, codes: set[tuple[str, str]], known: set[tuple[str, str]]
) -> list[Thing]:
    found: list[Thing] = []
    if ("UNIT_SEIZED", "REFUSE") in codes:
        found += [s for s in state.on(body["house_code"], "seizure") if s.status == "EFFECTIVE"]
    if ("LISTED_BUYER", "REFUSE") in codes:
        barred = {t.key: t for person in people(body, "BUYER") - known for t in listings(state, person)}
        found += barred.values()
    return found
