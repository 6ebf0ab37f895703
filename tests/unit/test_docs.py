"""Links in the documentation lead somewhere, and each department's page names what it gets."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from schemas.catalogue import INTERNAL, load_catalogue
from schemas.entitlements import grants, load_entitlements
from tests.support.newcomer import ROOT

PAGES = sorted((*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "samples").rglob("*.md")))
INTEGRATE = ROOT / "docs" / "integrate"
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
CODE = re.compile(r"^```.*?^```", re.DOTALL | re.MULTILINE)


def anchors(page: Path) -> set[str]:
    """As GitHub makes them of headings."""
    titles = re.findall(r"^#+ (.+)$", CODE.sub("", page.read_text(encoding="utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).strip().replace(" ", "-") for title in titles}


def links(page: Path) -> Iterator[tuple[Path, str]]:
    for target in LINK.findall(CODE.sub("", page.read_text(encoding="utf-8"))):
        if not re.match(r"[a-z]+:", target):
            path, _, anchor = target.partition("#")
            yield (page.parent / path).resolve() if path else page, anchor


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    for path, anchor in links(page):
        assert path.exists(), f"{path} is not there"
        assert not anchor or anchor in anchors(path), f"{path.name} has no heading #{anchor}"


def topics_by_page() -> dict[str, set[str]]:
    """The topics of each page's departments, of alike ones those of the first; a bank's desks are on the bank's page."""
    found: dict[str, set[str]] = {}
    for entitlement in load_entitlements():
        first = entitlement.departments[0]
        topics = {grant.topic for grant in grants([entitlement]) if grant.department == first}
        found.setdefault(first.split(".")[0], set()).update(topics)
    # The citizens' platform asks over HTTP alone: docs/connect/gov.md.
    assert found.pop("gov") == set()
    return found


@pytest.mark.parametrize(("department", "topics"), topics_by_page().items())
def test_a_departments_page_names_its_topics_and_no_others(department: str, topics: set[str]) -> None:
    page = INTEGRATE / f"{department}.md"
    text = page.read_text(encoding="utf-8")
    assert set(re.findall(r"dept\.[a-z.]+\.v\d+", text)) == topics
    assert f"({page.name})" in (INTEGRATE / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("page", sorted(INTEGRATE.glob("[a-z]*.md")), ids=lambda page: page.stem)
def test_event_words_on_a_page_are_the_catalogues(page: Path) -> None:
    catalogue = load_catalogue()
    known = {name for subject in catalogue.subjects.values() for name in subject.event_types}
    principal = "bank.icbc" if page.stem == "bank" else page.stem
    assert principal in catalogue.principals
    assert principal != INTERNAL
    about = re.findall(r"`([A-Z]+)`", page.read_text(encoding="utf-8"))
    assert {word for word in about if word.endswith("ED")} <= known | {"ACCEPTED", "HELD"}


def test_a_page_is_a_page() -> None:
    for page in INTEGRATE.glob("*.md"):
        assert len(page.read_text(encoding="utf-8").splitlines()) < 75, page.name
