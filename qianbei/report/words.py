"""How figures are named and written for people: counties, stages, kinds, durations, rates."""

from collections.abc import Iterable
from decimal import Decimal

from broker.report.figures import ALL
from broker.report.fold import UNKNOWN_COUNTY
from schemas.catalogue import load_catalogue
from schemas.codelists import code_list

NONE = "–"
STAGES = {
    "SIGNED_TO_FILED": ("网签至备案", "signed to filed"),
    "FILED_TO_RECORDED": ("备案至收录", "filed to recorded"),
    "RECORDED_TO_PUBLISHED": ("收录至发布", "recorded to published"),
}
SEGMENTS = {
    "NEW_HOME": ("新建商品住宅", "new homes"),
    "NEW_OTHER": ("新建非住宅", "new, other uses"),
    "EXISTING_HOME": ("存量住宅", "existing homes"),
    "EXISTING_OTHER": ("存量非住宅", "existing, other uses"),
    "LEASE_HOME": ("住宅租赁", "homes let"),
    "LEASE_OTHER": ("非住宅租赁", "let, other uses"),
}
OUTCOMES = {
    "ACCEPTED": ("接受（提示）", "accepted, warned"),
    "REFUSED": ("拒绝", "refused"),
    "QUARANTINED": ("隔离", "quarantined"),
    "DUPLICATE": ("重复", "duplicate"),
}
_UNITS = ((86_400.0, "d"), (3_600.0, "h"), (60.0, "min"), (1.0, "s"), (0.001, "ms"))


def county(code: object) -> str:
    """The name of a county, of all that were asked for, or of what names none."""
    if code == ALL:
        return "合计 Total"
    if code == UNKNOWN_COUNTY:
        return "未写明 Not said"
    return code_list("county")[str(code)].zh


def kind(code: object) -> str:
    """The name of a kind of contract."""
    found = code_list("contract_kind").by_code.get(str(code))
    return str(code) if found is None else found.zh


def principal(name: object) -> str:
    """The name of a principal."""
    found = load_catalogue().principals.get(str(name))
    return str(name) if found is None else found.zh


def both(names: dict[str, tuple[str, str]], code: object) -> str:
    """The Chinese and the English name."""
    return " ".join(names.get(str(code), (str(code), "")))


def stage(code: object) -> str:
    return both(STAGES, code)


def segment(code: object) -> str:
    return both(SEGMENTS, code)


def outcome(code: object) -> str:
    return both(OUTCOMES, code)


def unit_of(seconds: float) -> tuple[float, str]:
    """The unit, in seconds, in which a duration is best written."""
    return next((one for one in _UNITS if seconds >= one[0]), _UNITS[-1])


def duration(seconds: object) -> str:
    """``90`` is ``1.5 min``."""
    if seconds is None:
        return NONE
    value = float(str(seconds))
    size, name = unit_of(value)
    return f"{value / size:.3g} {name}"


def durations(several: object) -> str:
    """Durations one after another."""
    assert isinstance(several, tuple)
    return " / ".join(map(duration, several))


def rate(share: object) -> str:
    """``0.9950`` is ``99.5 %``."""
    return NONE if share is None else f"{Decimal(str(share)) * 100:.2f} %"


def number(value: object) -> str:
    """With thousands, and with the digits that it has."""
    return NONE if value is None else f"{value:,}"


def text(value: object) -> str:
    return str(value)


def month(value: object) -> str:
    return str(value)[:7]


def largest(values: Iterable[float | None]) -> float:
    return max((value for value in values if value is not None), default=0.0)
