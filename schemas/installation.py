"""The principals and entitlements of one installation: what this version ships, and what the site adds or takes away.

A site adds departments and banks without a new release, by *site files* in a folder of its own, one a principal,
``<name>.yaml``. A site file is an entitlement file with a few words more:

``principal``  who it is, for a principal that is not shipped: names, ``uscc``, and ``sends`` or ``sends_like`` another
``like``       it sees what this shipped department sees, now and after the next release, instead of ``subjects``
``retired``    earlier versions of topics that are not sent to any more, ``sale.v1`` with the time; of shipped ones too
``granted``    since when; what was routed before it was never sent to the department
``revoked``    since when it is withdrawn; a shipped principal can be revoked by a file that says no more than that

Everything that reads principals or entitlements for an installation takes them from here. A folder that is wrong in any
file is refused whole, so that nobody loses a right because of another's slip.
"""

import hashlib
import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import MappingProxyType

from pydantic import ValidationError

from schemas.catalogue import INTERNAL, Catalogue, Principal, load_catalogue
from schemas.entitlements import (
    Entitlement,
    Grant,
    Rows,
    SubjectEntitlement,
    check_entitlement,
    grants,
    newest_schemas,
    shipped_entitlements,
)
from schemas.identifiers import uscc as codes
from schemas.said import said
from schemas.shown import EntitlementError, nearest
from schemas.sitefiles import PrincipalTerms, SiteFile, read_site_files

BUREAU = "bureau"
KEPT = frozenset({INTERNAL, BUREAU})
"""Principals without which there is no exchange: they cannot be revoked."""


@dataclass(frozen=True, slots=True)
class Installation:
    """Every principal (revoked ones too), every entitlement in force, and the site's own files by principal.

    ``digest`` is the SHA-256 of the site files: two processes with the same digest know the same.
    """

    catalogue: Catalogue
    entitlements: tuple[Entitlement, ...]
    site: Mapping[str, SiteFile]
    digest: str

    @property
    def grants(self) -> tuple[Grant, ...]:
        """One grant a department, subject and version in force, in the order of their topics' names."""
        return grants(self.entitlements)

    def granted(self, principal: str) -> datetime | None:
        """Since when the site has granted a principal what it has; None for what is as shipped."""
        file = self.site.get(principal)
        return None if file is None else file.granted


# --- loading --------------------------------------------------------------------------------------------------------


def load_installation(folder: Path | None, candidate: SiteFile | None = None) -> Installation:
    """What is shipped with what the files of a folder add; None: no site files.

    ``candidate`` stands for the file of its principal, as if it were in the folder. Raises EntitlementError naming the
    file, the place, and how to mend it.
    """
    files = read_site_files(folder)
    if candidate is not None:
        files[candidate.name] = candidate
    merging = _Merging(load_catalogue(), shipped_entitlements())
    for file in files.values():
        merging.add(file)
    return Installation(
        merging.catalogue(), merging.entitlements(), MappingProxyType(files), _digest(files.values())
    )


def _digest(files: Iterable[SiteFile]) -> str:
    content = [file.model_dump() for file in sorted(files, key=lambda file: file.name)]
    text = json.dumps(content, sort_keys=True, default=_plain_value)
    return hashlib.sha256(text.encode()).hexdigest()


def _plain_value(value: object) -> object:
    """Sets in one order: theirs differs from process to process."""
    return sorted(value) if isinstance(value, frozenset) else str(value)


# --- merging --------------------------------------------------------------------------------------------------------


class _Merging:
    """Adds site files to what is shipped, one after the other."""

    def __init__(self, shipped: Catalogue, entitlements: Iterable[Entitlement]) -> None:
        self._shipped = shipped
        self._entitlements = tuple(entitlements)
        self._by_department = {d: e for e in self._entitlements for d in e.departments}
        self._schemas = newest_schemas()
        self._principals: dict[str, Principal] = {}
        self._added: list[Entitlement] = []
        self._revoked: set[str] = set()
        self._retired: dict[str, frozenset[str]] = {}
        self._usccs = {p.uscc: name for name, p in shipped.principals.items() if p.uscc is not None}

    def catalogue(self) -> Catalogue:
        return self._shipped.extended(self._principals)

    def entitlements(self) -> tuple[Entitlement, ...]:
        found = (*filter(None, map(self._left, self._entitlements)), *self._added)
        return tuple(one for entitlement in found for one in self._unretired(entitlement))

    def _unretired(self, entitlement: Entitlement) -> Iterator[Entitlement]:
        """Departments for which a version is retired apart, without it."""
        untouched = tuple(d for d in entitlement.departments if not self._retired.get(d))
        if untouched:
            yield entitlement.model_copy(update={"departments": untouched})
        for department in entitlement.departments:
            if retired := self._retired.get(department):
                left = {s: _without(s, terms, retired) for s, terms in entitlement.subjects.items()}
                yield entitlement.model_copy(update={"departments": (department,), "subjects": left})

    def _left(self, shipped: Entitlement) -> Entitlement | None:
        """A shipped entitlement without the departments that are revoked."""
        left = tuple(d for d in shipped.departments if d not in self._revoked)
        return shipped.model_copy(update={"departments": left}) if left else None

    def add(self, file: SiteFile) -> None:
        if file.revoked is not None:
            if file.name in KEPT:
                raise EntitlementError(
                    said(
                        "{file_name}: {name} cannot be revoked: without it there is no exchange",
                        file_name=file.file_name,
                        name=file.name,
                    )
                )
            self._revoked.add(file.name)
        principal = self._principal(file)
        self._principals[file.name] = principal
        self._retired[file.name] = frozenset(file.retired)
        if file.revoked is None and (seen := self._seen(file, principal)) is not None:
            self._added.append(seen)

    # -- who it is and what it sends

    def _principal(self, file: SiteFile) -> Principal:
        shipped = self._shipped.principals.get(file.name)
        if shipped is not None:
            if file.principal is not None:
                raise EntitlementError(
                    said(
                        "{file_name}: there is a principal {name} already, {en}, shipped with this version: "
                        "choose another name, or leave the block principal out",
                        file_name=file.file_name,
                        name=file.name,
                        en=shipped.en,
                    )
                )
            return shipped.model_copy(update={"revoked": True, "sends": {}}) if file.revoked else shipped
        return self._new_principal(file)

    def _new_principal(self, file: SiteFile) -> Principal:
        terms = file.principal
        if terms is None:
            known = nearest(file.name, self._shipped.principals)
            raise EntitlementError(
                said(
                    "{file_name}: there is no principal {name}; {known}. For a new one add a block "
                    "principal with uscc and sends or sends_like",
                    file_name=file.file_name,
                    name=file.name,
                    known=known,
                )
            )
        self._take_uscc(file, terms.uscc)
        sends = {} if file.revoked else self._sends(file, terms)
        made = {"zh": terms.zh or file.zh, "en": terms.en or file.en, "uscc": terms.uscc, "sends": sends}
        principal = {**made, "name": file.name, "revoked": file.revoked is not None}
        try:
            found = Principal.model_validate(principal)
            self._shipped.extended({file.name: found})
        except ValidationError as error:
            raise EntitlementError(f"{file.file_name}: {_first(error)}") from None
        return found

    def _take_uscc(self, file: SiteFile, uscc: str | None) -> None:
        if uscc is None:
            return
        if codes.check(uscc) is codes.Result.MALFORMED:
            raise EntitlementError(
                said(
                    "{file_name}: principal.uscc is no unified social credit code: 18 digits and capital "
                    "letters, without I, O, S, V and Z",
                    file_name=file.file_name,
                )
            )
        if (owner := self._usccs.setdefault(uscc, file.name)) != file.name:
            raise EntitlementError(
                said(
                    "{file_name}: principal.uscc is that of {owner} already: contracts name one "
                    "principal by it",
                    file_name=file.file_name,
                    owner=owner,
                )
            )

    def _sends(self, file: SiteFile, terms: PrincipalTerms) -> Mapping[str, frozenset[str]]:
        if terms.sends is not None and terms.sends_like is not None:
            raise EntitlementError(
                said(
                    "{file_name}: principal has both sends and sends_like: leave one out",
                    file_name=file.file_name,
                )
            )
        if terms.sends_like is None:
            self._check_sends(file, terms.sends or {})
            return terms.sends or {}
        like = self._shipped.principals.get(terms.sends_like)
        if like is None or terms.sends_like == INTERNAL:
            others = [name for name in self._shipped.principals if name != INTERNAL]
            raise EntitlementError(
                said(
                    "{file_name}: principal.sends_like: {sends_like} is no shipped principal; {nearest}",
                    file_name=file.file_name,
                    sends_like=terms.sends_like,
                    nearest=nearest(terms.sends_like, others),
                )
            )
        return like.sends

    def _check_sends(self, file: SiteFile, sends: Mapping[str, frozenset[str]]) -> None:
        for subject, event_types in sends.items():
            if subject not in self._shipped.subjects:
                raise EntitlementError(
                    said(
                        "{file_name}: principal.sends: {subject} is no subject; {nearest}",
                        file_name=file.file_name,
                        subject=subject,
                        nearest=nearest(subject, self._shipped.subjects),
                    )
                )
            possible = self._shipped.subjects[subject].source_event_types
            for wrong in sorted(event_types - set(possible)):
                raise EntitlementError(
                    said(
                        "{file_name}: principal.sends.{subject}: {wrong} is no event that can be sent; {nearest}",
                        file_name=file.file_name,
                        subject=subject,
                        wrong=wrong,
                        nearest=nearest(wrong, possible),
                    )
                )

    # -- what it sees

    def _seen(self, file: SiteFile, principal: Principal) -> Entitlement | None:
        if file.like is None and not file.subjects and not file.queries:
            return None
        if (shipped := self._by_department.get(file.name)) is not None:
            raise EntitlementError(
                said(
                    "{file_name}: {name} has its entitlements with this version already ({en}); they are "
                    "changed by a release, not by the site",
                    file_name=file.file_name,
                    name=file.name,
                    en=shipped.en,
                )
            )
        seen = self._like(file) if file.like is not None else _plain(file)
        check_entitlement(file.file_name, seen, self._schemas)
        blind = [s for s, terms in seen.subjects.items() if terms.rows is Rows.INTERESTED]
        if blind and principal.uscc is None:
            raise EntitlementError(
                said(
                    "{file_name}: {blind} with rows: interested needs principal.uscc, by which contracts "
                    "name it",
                    file_name=file.file_name,
                    blind=blind[0],
                )
            )
        return seen

    def _like(self, file: SiteFile) -> Entitlement:
        if file.subjects or file.queries:
            raise EntitlementError(
                said(
                    "{file_name}: has both like and subjects or queries: leave one out",
                    file_name=file.file_name,
                )
            )
        assert file.like is not None
        template = self._by_department.get(file.like)
        if template is None:
            raise EntitlementError(
                said(
                    "{file_name}: like: {like} is no shipped department; {nearest}",
                    file_name=file.file_name,
                    like=file.like,
                    nearest=nearest(file.like, self._by_department),
                )
            )
        return template.model_copy(update={"departments": file.departments, "zh": file.zh, "en": file.en})


def _without(subject: str, terms: SubjectEntitlement, retired: Collection[str]) -> SubjectEntitlement:
    """Without its earlier versions that are retired; the newest stays: who is not to see it is revoked, or sees another."""
    left = tuple(one for one in terms.earlier if f"{subject}.v{one.version}" not in retired)
    return terms.model_copy(update={"earlier": left})


def _plain(file: SiteFile) -> Entitlement:
    return Entitlement(
        departments=file.departments, zh=file.zh, en=file.en, subjects=file.subjects, queries=file.queries
    )


def _first(error: ValidationError) -> str:
    item = error.errors()[0]
    return f"principal.{'.'.join(map(str, item['loc']))}: {item['msg']}"
