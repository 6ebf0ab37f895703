"""What may happen to an entity by its sources, by subject. Written down once more, beside the catalogue and the model."""

from collections.abc import Mapping

CONTRACT_STEPS: Mapping[str, tuple[tuple[str, ...], str]] = {
    "DRAFTED": (("NONE",), "DRAFT"),
    "SIGNED": (("NONE", "DRAFT"), "SIGNED"),
    "FILED": (("SIGNED",), "FILED"),
    "AMENDED": (("FILED", "AMENDED"), "AMENDED"),
    "CANCELLED": (("FILED", "AMENDED"), "CANCELLED"),
    "REVOKED": (("FILED", "AMENDED"), "REVOKED"),
    "VOIDED": (("DRAFT", "SIGNED"), "VOIDED"),
    "COMPLETED": (("FILED", "AMENDED"), "COMPLETED"),
}
_HELD = ("HELD", "WAITING", "EFFECTIVE")
STEPS: Mapping[str, Mapping[str, tuple[tuple[str, ...], str]]] = {
    "sale": CONTRACT_STEPS,
    "lease": {k: v for k, v in CONTRACT_STEPS.items() if k != "COMPLETED"},
    "mortgage": {k: v for k, v in CONTRACT_STEPS.items() if k != "COMPLETED"},
    "unit": {
        "REGISTERED": (("NONE",), "ACTIVE"),
        "CHANGED": (("ACTIVE",), "ACTIVE"),
        "WITHDRAWN": (("ACTIVE",), "WITHDRAWN"),
    },
    "project": {
        "REGISTERED": (("NONE",), "ACTIVE"),
        "CHANGED": (("ACTIVE",), "ACTIVE"),
        "WITHDRAWN": (("ACTIVE",), "WITHDRAWN"),
    },
    "seizure": {
        "SEIZED": (("NONE",), "EFFECTIVE"),
        "CHANGED": (_HELD, "EFFECTIVE"),
        "RENEWED": (("EFFECTIVE",), "EFFECTIVE"),
        "RELEASED": (_HELD, "RELEASED"),
    },
    "defaulter": {
        "LISTED": (("NONE",), "LISTED"),
        "CHANGED": (("LISTED",), "LISTED"),
        "REMOVED": (("LISTED", "EXPIRED"), "REMOVED"),
    },
    "title": {
        "REGISTERED": (("NONE",), "ACTIVE"),
        "CHANGED": (("ACTIVE",), "ACTIVE"),
        "CANCELLED": (("ACTIVE",), "CANCELLED"),
    },
    "alias": {"LINKED": (("NONE",), "LINKED"), "UNLINKED": (("LINKED",), "UNLINKED")},
    "feedback": {
        "REPORTED": (("NONE",), "ACTIVE"),
        "CHANGED": (("ACTIVE",), "ACTIVE"),
        "WITHDRAWN": (("ACTIVE",), "WITHDRAWN"),
    },
    "watch": {
        "OPENED": (("NONE",), "OPEN"),
        "CHANGED": (("OPEN",), "OPEN"),
        "CLOSED": (("OPEN",), "CLOSED"),
    },
    "household": {
        "RECORDED": (("NONE",), "ACTIVE"),
        "CHANGED": (("ACTIVE",), "ACTIVE"),
        "WITHDRAWN": (("ACTIVE",), "WITHDRAWN"),
    },
}
"""For each subject its event types: from which statuses, to which one."""
