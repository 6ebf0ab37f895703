"""The site's own files: one principal each, what it is, sends and sees, and since when (see ``installation``)."""

import re
from collections.abc import Mapping
from pathlib import Path

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from schemas.catalogue import INTERNAL
from schemas.entitlements import Entitlement, read_as
from schemas.said import said
from schemas.shown import EntitlementError

_NAME = re.compile(r"[a-z][a-z0-9]*(\.[a-z][a-z0-9]*){0,3}")
_MOST_NAME = 60
_RESERVED = (INTERNAL, "redrive")


class PrincipalTerms(BaseModel):
    """Who a principal of the site is, and what it may send: event types by subject, or those of a shipped principal."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    zh: str | None = None
    en: str | None = None
    uscc: str | None = None
    sends: Mapping[str, frozenset[str]] | None = None
    sends_like: str | None = None


class SiteFile(Entitlement):
    """One site file: one principal, what it is, sends and sees, since when, or that it is revoked."""

    departments: tuple[str, ...] = Field(min_length=1, max_length=1)
    principal: PrincipalTerms | None = None
    like: str | None = None
    granted: AwareDatetime | None = None
    revoked: AwareDatetime | None = None
    retired: Mapping[str, AwareDatetime] = {}

    @property
    def name(self) -> str:
        """The principal's name."""
        return self.departments[0]

    @property
    def file_name(self) -> str:
        """The name that the file must have, so that no two files are about one principal."""
        return f"{self.name}.yaml"


def read_site_files(folder: Path | None) -> dict[str, SiteFile]:
    """The site files of a folder by principal, each right in itself. Raises EntitlementError."""
    if folder is None:
        return {}
    if not folder.is_dir():
        raise EntitlementError(
            said("the folder of site files {folder} is not there: make it, or name another", folder=folder)
        )
    return {file.name: file for file in map(_read, sorted(folder.glob("*.yaml")))}


def read_site_file(path: Path) -> SiteFile:
    """One site file from anywhere, right in itself; its name does not matter. Raises EntitlementError."""
    file = read_as(SiteFile, path)
    _check_name(path.name, file.name)
    return file


def _read(path: Path) -> SiteFile:
    file = read_site_file(path)
    if path.name != file.file_name:
        raise EntitlementError(
            said(
                "{name}: is about {principal}, so it must be named {file_name}",
                name=path.name,
                principal=file.name,
                file_name=file.file_name,
            )
        )
    if file.granted is None and file.revoked is None and not file.retired:
        raise EntitlementError(
            said(
                "{name}: says not since when (granted): put it in place with `qianbei grant FILE`",
                name=path.name,
            )
        )
    return file


def _check_name(where: str, name: str) -> None:
    if not _NAME.fullmatch(name) or len(name) > _MOST_NAME:
        raise EntitlementError(
            said(
                "{where}: {name!r} is no name of a principal: small letters and digits, parts joined "
                "by dots as in bank.icbc, at most {most_name} characters; it becomes part of topics "
                "and users",
                where=where,
                name=name[:_MOST_NAME],
                most_name=_MOST_NAME,
            )
        )
    if name.startswith(_RESERVED) and name != INTERNAL:
        raise EntitlementError(
            said(
                "{where}: names that begin with {reserved} are the exchange's own",
                where=where,
                reserved=" or ".join(_RESERVED),
            )
        )


def fingerprint(folder: Path | None) -> tuple[tuple[str, int, int, int], ...]:
    """Changes whenever a site file does; cheap enough to ask for before every batch."""
    if folder is None:
        return ()
    try:
        found = [(entry.name, entry.stat()) for entry in folder.iterdir() if entry.suffix == ".yaml"]
    except OSError:  # being written anew this moment: whoever loads it says what is wrong
        return (("", 0, 0, 0),)
    return tuple(sorted((name, s.st_mtime_ns, s.st_size, s.st_ino) for name, s in found))
