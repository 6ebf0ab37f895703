"""The site's files, each put in place in one step: a service that looks at the folder sees the old one or the new one.

    <folder>/bank.cmb.yaml                              what holds: granted since, or revoked since
    <folder>/before/bank.cmb-20261127T203000Z.yaml      what held until then

Nothing is ever deleted: what a department was shown, and on what legal basis, is asked for years later.
"""

import os
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

from broker.errors import ConfigError
from broker.settings import Settings
from schemas.said import said
from schemas.shown import EntitlementError
from schemas.sitefiles import PrincipalTerms, SiteFile, read_site_file

BEFORE = "before"


def folder_of(settings: Settings) -> Path:
    """Where the site's files lie. Raises ConfigError if no folder is named."""
    if settings.entitlements is None:
        raise ConfigError(
            said(
                "no folder of site files is named: set QIANBEI_ENTITLEMENTS to one, the same for deployment and all services"
            )
        )
    return settings.entitlements


def read_file(path: Path) -> SiteFile:
    """A site file from anywhere. Raises ConfigError."""
    try:
        return read_site_file(path)
    except EntitlementError as error:
        raise ConfigError(str(error)) from None


def like(template: str, name: str, terms: PrincipalTerms) -> SiteFile:
    """The file of a new principal that sends and sees what a shipped one does."""
    return SiteFile(
        departments=(name,),
        zh=terms.zh or name,
        en=terms.en or name,
        like=template,
        principal=terms.model_copy(update={"sends_like": template}),
    )


def now() -> datetime:
    """The time of a grant or a revocation, to the second."""
    return datetime.now(UTC).replace(microsecond=0)


def put(folder: Path, file: SiteFile) -> Path:
    """Put a file in place, setting aside what it replaces; gives its path. Doing it again changes nothing."""
    path, text = folder / file.file_name, as_yaml(file)
    if path.exists():
        if path.read_text(encoding="utf-8") == text:
            return path
        _keep(folder, path)
    _write(path, text)
    return path


def _keep(folder: Path, path: Path) -> None:
    """The copy first: a crash afterwards leaves one too many, never one too few."""
    aside = folder / BEFORE
    aside.mkdir(exist_ok=True, mode=0o700)
    _write(
        aside / f"{path.stem}-{datetime.now(UTC):%Y%m%dT%H%M%S.%fZ}.yaml", path.read_text(encoding="utf-8")
    )


def _write(path: Path, text: str) -> None:
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    with temporary.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


def all_before(folder: Path, name: str) -> list[SiteFile]:
    """What a principal was granted before, newest first. Raises ConfigError for a file that is wrong."""
    kept = (read_file(path) for path in sorted((folder / BEFORE).glob(f"{name}-*.yaml"), reverse=True))
    return [file for file in kept if file.revoked is None]


def as_yaml(file: SiteFile) -> str:
    """The text of a site file, as people read and review it."""
    content: Mapping[str, Any] = file.model_dump(mode="json", exclude_defaults=True)
    return yaml.safe_dump(_sorted_sets(content), allow_unicode=True, sort_keys=False, width=110)


def _sorted_sets(content: Any) -> Any:
    """Sets in one order, so that the same content is the same text; lists of fields are in the author's order already."""
    if isinstance(content, dict):
        return {
            key: {s: sorted(types) for s, types in value.items()}
            if key in ("sends", "party_roles")
            else _sorted_sets(value)
            for key, value in content.items()
        }
    return content
