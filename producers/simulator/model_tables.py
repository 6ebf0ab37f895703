"""What the model holds to be the law: lifecycles, rights, codes. Written from the domain page, not from the exchange.

Nothing here may be imported from ``broker`` or read from its tables or from the catalogue: an error there must not be an
error here. Sources: domain page 2.5 (lifecycle of contracts), 3.1–3.4 (seizures, listings), the design's "Versions".
"""

from enum import Enum
from typing import NamedTuple

NONE = "NONE"
LIVE = frozenset({"SIGNED", "FILED", "AMENDED"})
CONTRACTS = frozenset({"sale", "lease", "mortgage"})
QUEUE = "QUEUE"
"""As a target: the place among the seizures of the house decides (3.2)."""
SEIZED = frozenset({"HELD", "WAITING", "EFFECTIVE"})
STANDING = {
    **dict.fromkeys(CONTRACTS, LIVE),
    "seizure": SEIZED,
    "title": frozenset({"ACTIVE"}),
    "conflict": frozenset({"OPEN"}),
}
"""What can stand on a house, and the statuses in which it does."""
HOUSE_KEYED = frozenset({"unit", "sale", "lease", "mortgage", "seizure", "title"})
"""Subjects that are decided where their house is, if they name one."""
PRE, FORMAL = frozenset({"3", "4"}), frozenset({"1", "2"})
"""Kinds of seizure: pre-seizures, and those of a house that stands in its owner's name."""
REGISTERED = frozenset({"TITLE", "TRANSFER_COMPLETED"})
"""Kinds of registered right after which nothing on a house is a pre-seizure."""
WARNINGS = frozenset({"MORTGAGE_OVER_VALUE"})
"""Codes of rules that warn and do not refuse."""
ENDINGS = frozenset({"CANCELLED", "REVOKED", "VOIDED", "COMPLETED"})
"""Events by which a contract ends; it may end even on a unit that was withdrawn."""

Steps = dict[str, tuple[frozenset[str], str]]


def _steps(*rows: tuple[str, str, str]) -> Steps:
    return {event: (frozenset(before.split()), after) for event, before, after in rows}


_CONTRACT = _steps(
    ("DRAFTED", "NONE", "DRAFT"),
    ("SIGNED", "NONE DRAFT", "SIGNED"),
    ("FILED", "SIGNED", "FILED"),
    ("AMENDED", "FILED AMENDED", "AMENDED"),
    ("CANCELLED", "FILED AMENDED", "CANCELLED"),
    ("REVOKED", "FILED AMENDED", "REVOKED"),
    ("VOIDED", "DRAFT SIGNED", "VOIDED"),
)
_REGISTERED = _steps(
    ("REGISTERED", "NONE", "ACTIVE"), ("CHANGED", "ACTIVE", "ACTIVE"), ("WITHDRAWN", "ACTIVE", "WITHDRAWN")
)

LIFECYCLES: dict[str, Steps] = {
    "project": _REGISTERED,
    "unit": _REGISTERED,
    "sale": _CONTRACT | _steps(("COMPLETED", "FILED AMENDED", "COMPLETED")),
    "lease": _CONTRACT,
    "mortgage": _CONTRACT,
    "seizure": _steps(
        ("SEIZED", "NONE", QUEUE),
        ("CHANGED", "HELD WAITING EFFECTIVE", QUEUE),
        ("RENEWED", "EFFECTIVE", "EFFECTIVE"),
        ("RELEASED", "HELD WAITING EFFECTIVE", "RELEASED"),
    ),
    "defaulter": _steps(
        ("LISTED", "NONE", "LISTED"),
        ("CHANGED", "LISTED", "LISTED"),
        ("REMOVED", "LISTED EXPIRED", "REMOVED"),
    ),
    "title": _steps(
        ("REGISTERED", "NONE", "ACTIVE"),
        ("CHANGED", "ACTIVE", "ACTIVE"),
        ("CANCELLED", "ACTIVE", "CANCELLED"),
    ),
    "household": _steps(
        ("RECORDED", "NONE", "ACTIVE"), ("CHANGED", "ACTIVE", "ACTIVE"), ("WITHDRAWN", "ACTIVE", "WITHDRAWN")
    ),
    "feedback": _steps(
        ("REPORTED", "NONE", "ACTIVE"), ("CHANGED", "ACTIVE", "ACTIVE"), ("WITHDRAWN", "ACTIVE", "WITHDRAWN")
    ),
    "watch": _steps(("OPENED", "NONE", "OPEN"), ("CHANGED", "OPEN", "OPEN"), ("CLOSED", "OPEN", "CLOSED")),
    "alias": _steps(("LINKED", "NONE", "LINKED"), ("UNLINKED", "LINKED", "UNLINKED")),
}

MAY_SEND: dict[str, frozenset[str]] = {
    "bureau": frozenset({"project", "unit", "sale", "lease", "mortgage", "alias", "feedback"}),
    "court": frozenset({"seizure", "defaulter", "watch", "alias", "feedback"}),
    "fund": frozenset({"mortgage", "feedback"}),
    "bank.icbc": frozenset({"mortgage", "feedback"}),
    "bank.ccb": frozenset({"mortgage", "feedback"}),
    "tax": frozenset({"feedback"}),
    "police": frozenset({"feedback", "household", "alias"}),
    "registry": frozenset({"title", "feedback"}),
    "civil": frozenset({"household", "feedback"}),
    "education": frozenset({"feedback"}),
    "monitoring": frozenset({"feedback"}),
}
"""The subjects of each principal; it may send every event of theirs that a source can send."""

ANSWERING = {
    **dict.fromkeys(("project", "unit", "sale", "lease", "mortgage", "alias"), "bureau"),
    **dict.fromkeys(("seizure", "defaulter"), "court"),
    "title": "registry",
}
"""Who answers what is reported as wrong with a record, by its subject."""

PRINCIPAL_OF_USCC = {
    "11411400005900008T": "bureau",
    "12411400MB1000002A": "fund",
    "91411400MA4000012N": "bank.icbc",
    "914114027067800106": "bank.ccb",
}


class Stage(Enum):
    """Where a fault that needs no context is found."""

    QUARANTINE = 0
    FIELDS = 3
    WARNING = 4


class Fault(NamedTuple):
    """What a kind of dirt must lead to, provided that no earlier stage stops the record."""

    stage: Stage
    code: str


FAULTS: dict[str, Fault] = {
    "tombstone": Fault(Stage.QUARANTINE, "TOMBSTONE"),
    "too_large": Fault(Stage.QUARANTINE, "TOO_LARGE"),
    "bad_magic": Fault(Stage.QUARANTINE, "BAD_MAGIC"),
    "unknown_schema": Fault(Stage.QUARANTINE, "UNKNOWN_SCHEMA"),
    "wrong_subject": Fault(Stage.QUARANTINE, "WRONG_SUBJECT"),
    "truncated": Fault(Stage.QUARANTINE, "UNDECODABLE"),
    "trailing_bytes": Fault(Stage.QUARANTINE, "UNDECODABLE"),
    "wrong_partition": Fault(Stage.QUARANTINE, "MISROUTED"),
    "wrong_key": Fault(Stage.QUARANTINE, "MISROUTED"),
    "bad_envelope": Fault(Stage.QUARANTINE, "BAD_ENVELOPE"),
    "bad_citizen_id": Fault(Stage.FIELDS, "BAD_CITIZEN_ID"),
    "bad_house_code": Fault(Stage.FIELDS, "BAD_HOUSE_CODE"),
    "bad_realty_unit_no": Fault(Stage.FIELDS, "BAD_REALTY_UNIT_NO"),
    "bad_case_no": Fault(Stage.FIELDS, "BAD_CASE_NO"),
    "unknown_code": Fault(Stage.FIELDS, "UNKNOWN_CODE"),
    "too_long": Fault(Stage.FIELDS, "TOO_LONG"),
    "empty_core_field": Fault(Stage.FIELDS, "EMPTY_CORE_FIELD"),
    "bad_area": Fault(Stage.FIELDS, "BAD_AREA"),
    "bad_amount": Fault(Stage.FIELDS, "BAD_AMOUNT"),
    "bad_date_order": Fault(Stage.FIELDS, "BAD_DATE_ORDER"),
    "bad_party": Fault(Stage.FIELDS, "BAD_PARTY"),
    "bad_share": Fault(Stage.FIELDS, "BAD_SHARE"),
    "bad_time": Fault(Stage.FIELDS, "BAD_TIME"),
    "nul_character": Fault(Stage.FIELDS, "BAD_FORMAT"),
    "uscc_check": Fault(Stage.WARNING, "USCC_CHECK"),
}
"""Kinds of dirt that are wrong in themselves. The others (stale, double sale …) are wrong in context only."""
