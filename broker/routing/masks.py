"""Masks: a blurred value keeps enough for a person to recognise it and too little to use it.

A mask never gives more than its pattern: a value too short for it is blurred whole.
"""

from collections.abc import Callable, Mapping

_SHORTEST_LAST4 = 8
_SHORTEST_ID = 15


def last4(value: str) -> str:
    """``13900001234`` -> ``*******1234``. The number of stars is fixed and tells nothing of the length."""
    return "*******" + value[-4:] if len(value) >= _SHORTEST_LAST4 else "*******"


def surname(value: str) -> str:
    """``张三丰`` -> ``张**``; a single character is blurred too."""
    return value[0] + "*" * (len(value) - 1) if len(value) > 1 else "*" * len(value)


def id_number(value: str) -> str:
    """``411499199003070015`` -> ``411499********0015``; a number shorter than an old citizen id keeps its last four."""
    return value[:6] + "********" + value[-4:] if len(value) >= _SHORTEST_ID else last4(value)


MASKS: Mapping[str, Callable[[str], str]] = {"last4": last4, "surname": surname, "id": id_number}
"""By the names that entitlement files use."""
