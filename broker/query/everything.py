"""Everything on one matter, a page at a time: sections in a fixed order, in each the order of keys.

A page holds at most so many records of all sections together, and says where the next one begins (``next``; null after the
last). Nothing is kept between calls: each page is true of its own instant.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from broker.api.problems import invalid
from broker.query.asked import Identifier
from broker.query.reading import Page
from broker.query.records import Record
from schemas.jsonform import Problem
from schemas.said import said

MOST_ON_PAGE = 100

PageSize = Annotated[
    int,
    Field(ge=1, le=MOST_ON_PAGE, strict=True, description="每页最多记录数 records of a page"),
]
After = Annotated[
    Identifier, Field(max_length=140, description="上一页的 next 值 the next of the page before")
]

Find = Callable[[Page], Awaitable[list[Record]]]


@dataclass(frozen=True, slots=True)
class Section:
    """One list of an answer, and the ways by which its records are found; one that several find is there once."""

    name: str
    finds: tuple[Find, ...]


@dataclass(frozen=True, slots=True)
class Pages:
    """The records of one page by section, and where the next one begins."""

    lists: dict[str, list[Record]]
    next: str | None


async def page_of(sections: Sequence[Section], after: str | None, most: int) -> Pages:
    """The page that follows ``after``, which must be the ``next`` of another or None. Raises ProblemError 422."""
    start, key = _place(sections, after)
    lists: dict[str, list[Record]] = {section.name: [] for section in sections}
    left = most
    for section in sections[start:]:
        records = await _found(section, Page(key, left + 1))
        lists[section.name] = records[:left]
        if len(records) > left:
            last = records[left - 1]["entity_id"] if left else key
            return Pages(lists, f"{section.name}:{last}")
        left, key = left - len(records), ""
    return Pages(lists, None)


async def _found(section: Section, page: Page) -> list[Record]:
    """The first records of the section on that page: of each way no more than a page can hold, so none is missed."""
    found = {record["entity_id"]: record for find in section.finds for record in await find(page)}
    return [found[key] for key in sorted(found)][: page.most]


def _place(sections: Sequence[Section], after: str | None) -> tuple[int, str]:
    name, colon, key = (after or "").partition(":")
    if not after:
        return 0, ""
    names = [section.name for section in sections]
    if not colon or name not in names:
        raise invalid(
            [
                Problem(
                    "asked.after", said("not where a page begins"), said("give the next of the page before")
                )
            ]
        )
    return names.index(name), key
