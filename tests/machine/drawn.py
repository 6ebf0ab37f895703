"""What the events of a history are drawn from."""

from typing import Any

from hypothesis import strategies as st

from tests.machine.books import FORMS, RIGHT, Slip

#: One house more than the others, so that things meet.
HOUSE = st.sampled_from((0, 0, 0, 0, 1, 2))
WHICH = st.integers(0, 7)
STEP = st.integers(0, 7)
PERSON = st.integers(0, 4)
BUYERS = st.lists(PERSON, min_size=1, max_size=3, unique=True).map(tuple)
#: Whether what was sent is decided at once, or left lying while more comes.
PROMPT = st.sampled_from((True, True, True, False))
SLIP = st.sampled_from(
    (RIGHT,) * 15
    + (Slip(version=-1), Slip(version=1), Slip(wild=True), Slip(wild=True), Slip(baseline=True))
    + tuple(Slip(form=form) for form in FORMS)
)
SERVED_HOURS_AGO = st.sampled_from((0, 0, 1, 1, 20, 50, 400, 24 * 2500))
"""The last: before the interpretation of 2015, when limits were shorter."""
NEW = st.sampled_from((RIGHT,) * 9 + (Slip(baseline=True), Slip(baseline=True), Slip(version=1)))
SOME_DAYS = st.sampled_from((None, 0, 1, 3, 10, 40))
SPAN = st.sampled_from((None, None, 1, 2, 5, 20, 20, 365, 730, 1095, 1096))
TERM = st.sampled_from((None, "3年", "36个月", "180天", "5年", "5年", "酌定"))
RENEWED_BY = st.sampled_from((0, 1, 30, 366, 1000, 1096, 1097))
TARGET = st.tuples(st.sampled_from(("house",) * 10 + ("contract", "contract", "realty", "nothing")), HOUSE)
JUMP = st.sampled_from((1, 5, 17, 24, 24, 25, 48, 72, 240, 24 * 40, 24 * 366, 24 * 1097))


NOTICE: dict[str, Any] = {
    "seized": TARGET,
    "kind": st.sampled_from(("1", "1", "2", "3", "3", "4", "5")),
    "served_hours_ago": SERVED_HOURS_AGO,
    "span": SPAN,
    "waiting_term": TERM,
    "dated": st.booleans(),
    "slip": NEW,
    "prompt": PROMPT,
}
