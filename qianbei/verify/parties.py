"""What is known of parties: the references that aliases link, and the listings of each.

A decision *saw* revisions of listings and aliases, or that there were none: then the subject is ``listing`` or ``alias``
and the id a party reference, without a revision.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date
from typing import NamedTuple

from qianbei.verify.deeds import Alias, Id, Listing, OfParty, Seen

LISTING, ALIAS = "defaulter", "alias"
"""Subjects of what is seen of a party."""

Parties = frozenset[str]
"""Party references."""


@dataclass(frozen=True, slots=True)
class Look:
    """What one decision saw of the parties: which references are the same, and which listings there were."""

    aliases: tuple[Parties, ...]
    listings: tuple[tuple[str, Listing], ...]
    absent: frozenset[tuple[str, str]]

    def same(self, ref: str) -> Parties:
        """All references of a party, as far as the aliases seen tell."""
        return closure(ref, self.aliases)

    def of(self, refs: Parties) -> Iterator[tuple[str, Listing]]:
        """The listings seen of any of these references."""
        return ((name, listing) for name, listing in self.listings if listing.parties & refs)

    def missed(self, refs: Parties) -> str | None:
        """What was not looked at of these references: neither seen nor seen to be absent."""
        for ref in sorted(refs):
            if ("listing", ref) not in self.absent and not any(
                ref in one.parties for _, one in self.listings
            ):
                return "listings"
            if ("alias", ref) not in self.absent and not any(ref in parties for parties in self.aliases):
                return "aliases"
        return None


def closure(ref: str, links: Iterable[Parties]) -> Parties:
    """All references that are linked with one, directly or over others; itself included."""
    found, left = {ref}, [parties for parties in links if len(parties) > 1]
    while joined := [parties for parties in left if parties & found]:
        found.update(*joined)
        left = [parties for parties in left if not parties & found]
    return frozenset(found)


class Newest(NamedTuple):
    """The newest revision of a listing or alias that was read, and whether it is required."""

    revision: int
    deed: OfParty
    required: bool


@dataclass(slots=True)
class Register:
    """Every revision of every listing and alias, and the newest of each."""

    revisions: dict[Seen, OfParty] = field(default_factory=dict)
    newest: dict[Id, Newest] = field(default_factory=dict)

    def add(self, seen: Seen, deed: OfParty, *, required: bool) -> None:
        """A revision that was read."""
        self.revisions[seen] = deed
        known = self.newest.get(seen[:2])
        if seen.revision and (known is None or seen.revision > known.revision):
            self.newest[seen[:2]] = Newest(seen.revision, deed, required)

    def unknown(self, seen: Iterable[Seen]) -> list[Seen]:
        """What was seen of parties and has not been read."""
        return [
            one
            for one in seen
            if one.revision is not None and one.subject in (LISTING, ALIAS) and one not in self.revisions
        ]

    def look(self, seen: Iterable[Seen]) -> Look:
        """What was seen of parties."""
        aliases: list[Parties] = []
        listings: list[tuple[str, Listing]] = []
        absent: set[tuple[str, str]] = set()
        for one in seen:
            deed = self.revisions.get(one)
            if one.revision is None:
                absent.add(one[:2])
            elif isinstance(deed, Alias):
                aliases.append(deed.linked)
            elif isinstance(deed, Listing):
                listings.append((one.entity_id, deed))
        return Look(tuple(aliases), tuple(listings), frozenset(absent))

    def required(self, identity: Id) -> bool:
        """Whether the newest revision was there when the check began."""
        return identity in self.newest and self.newest[identity].required

    def links(self) -> list[Parties]:
        """References that are linked in the end, as far as required."""
        return [
            one.deed.linked for one in self.newest.values() if isinstance(one.deed, Alias) and one.required
        ]

    def standing(self, on: date) -> Iterator[tuple[str, Listing]]:
        """The listings that stand in the end, as far as required."""
        for (_, name), one in self.newest.items():
            if isinstance(one.deed, Listing) and one.required and one.deed.stands(on):
                yield name, one.deed
