"""Which house is meant: by its code, of which it may have had several, or by an address as it is written."""

import unicodedata

from broker.query.reading import Reading


async def codes_of(reading: Reading, *codes: str) -> list[str]:
    """These codes, and those that stand for the same houses by a standing alias."""
    named = await reading.by("alias", ("house_code", "alias_house_code"), *codes)
    linked = [alias for alias in named if alias["status"] == "LINKED"]
    found = [*codes, *(alias[column] for alias in linked for column in ("house_code", "alias_house_code"))]
    return [code for code in dict.fromkeys(found) if code]


def same_address(address: str | None) -> str:
    """An address so that written widths and blanks make no other one."""
    return "".join(unicodedata.normalize("NFKC", address or "").split())
