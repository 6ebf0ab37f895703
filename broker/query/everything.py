"""Everything on one matter, a page at a time: sections in a fixed order, in each the order of keys.

A page holds at most so many records of all sections together, and says where the next one begins (``next``; null after the
last). Nothing is kept between calls: each page is true of its own instant.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from broker.api.problems import invalid
from broker.query.asked import Identifier
from broker.query.reading import Find, Page, Reading
from broker.query.records import Record
from schemas.jsonform import Problem
from schemas.said import said

MOST_ON_PAGE, ON_PAGE = 100, 50
"""At most, and where the asker does not say."""
_FEW = 10
"""What most matters have of each section at most."""

PageSize = Annotated[
    int,
    Field(ge=1, le=MOST_ON_PAGE, strict=True, description="每页最多记录数 records of a page"),
]
After = Annotated[
    Identifier, Field(max_length=140, description="上一页的 next 值 the next of the page before")
]


@dataclass(frozen=True, slots=True)
class Section:
    """One list of an answer, and how the records of a page of it are found."""

    name: str
    find: Callable[[Page], Find]


@dataclass(frozen=True, slots=True)
class Pages:
    """The records of one page by section, and where the next one begins."""

    lists: dict[str, list[Record]]
    next: str | None


async def page_of(reading: Reading, sections: Sequence[Section], after: str | None, most: int) -> Pages:
    """The page that follows ``after``, which must be the ``next`` of another or None. Raises ProblemError 422.

    The first few of every section are read at once, which is all for most matters; the rest of the page then by itself.
    """
    start, key = _place(sections, after)
    lists: dict[str, list[Record]] = {section.name: [] for section in sections}
    left, asked = most, sections[start:]
    finds = (section.find(Page("" if n else key, _FEW + 1)) for n, section in enumerate(asked))
    for section, first in zip(asked, await reading.found(*finds), strict=True):
        records = await _with_rest(reading, section, first, left)
        lists[section.name] = records[:left]
        if len(records) > left:
            last = records[left - 1]["entity_id"] if left else key
            return Pages(lists, f"{section.name}:{last}")
        left, key = left - len(records), ""
    return Pages(lists, None)


async def _with_rest(reading: Reading, section: Section, first: list[Record], left: int) -> list[Record]:
    """Of a section all that the page has room for, and one more if there is one."""
    if len(first) <= _FEW or left <= _FEW:
        return first
    (rest,) = await reading.found(section.find(Page(first[-1]["entity_id"], left - _FEW)))
    return first + rest


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
