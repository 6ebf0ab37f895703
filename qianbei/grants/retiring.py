"""Two versions of a topic beside each other, and the end of the earlier one.

A department moves from ``v1`` to ``v2`` in its own time: while it does, both are sent to. So a grant that raises a version
keeps the one before as ``earlier``, until it is retired.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from broker.backfill.beginning import forget, forget_joined
from broker.backfill.marks import unfilled
from broker.deploy import withdraw
from broker.errors import ConfigError
from broker.kafka import Connection, Groups
from broker.topics import fill_group, group_prefix
from qianbei.grants import files
from qianbei.site import Site
from schemas.entitlements import Grant, SubjectEntitlement
from schemas.installation import Installation
from schemas.said import said
from schemas.sitefiles import SiteFile


def with_earlier(wanted: SiteFile, present: SiteFile) -> SiteFile:
    """A site file that goes on with the versions which the present one has in force, and with what was retired."""
    subjects = {name: _after(name, terms, present) for name, terms in wanted.subjects.items()}
    retired = {**present.retired, **wanted.retired}
    return wanted.model_copy(update={"subjects": subjects, "retired": retired})


def _after(subject: str, terms: SubjectEntitlement, present: SiteFile) -> SubjectEntitlement:
    before = present.subjects.get(subject)
    if before is None or terms.earlier:
        return terms
    inherited = [
        one.model_copy(update={"earlier": ()}) for one in before.versions if one.version < terms.version
    ]
    left = tuple(one for one in inherited if f"{subject}.v{one.version}" not in present.retired)
    return terms.model_copy(update={"earlier": left})


@dataclass(frozen=True, slots=True)
class Retired:
    """The topic that is not sent to any more, the site's file that says so, and rights that were withdrawn."""

    topic: str
    path: Path
    rights: int


def retire(site: Site, topic: str, *, force: bool = False) -> Retired:
    """End an earlier version: nothing is sent to its topic, and nobody may read it. What lies there is kept.

    Raises ConfigError for what is no earlier version in force; and, unless ``force``, while members of the department's
    groups read it, or the version after it is still being filled.
    """
    folder, installation = files.folder_of(site.admin), site.admin.installation()
    grant = _earlier(installation, topic)
    with Groups(Connection.of(site.admin)) as groups:
        if not force:
            _require_unread(groups, grant)
            _require_filled(groups, installation, grant)
        # 1. Its marks, if it has joined; routing would wait for a joined topic that it does not know.
        forget_joined(Connection.of(site.admin), groups, [fill_group(topic)])
        # 2. From here no service sends to it, once it has taken the file in.
        path = files.put(folder, _retirement(installation, grant))
        # 3. Who reads it is refused with the next request.
        rights = withdraw(site.admin, site.admin.installation())
        # 4. The marks of one that has not joined.
        forget(Connection.of(site.admin), groups, [fill_group(topic)])
    return Retired(topic, path, rights)


def _earlier(installation: Installation, topic: str) -> Grant:
    found = {grant.topic: grant for grant in installation.grants}
    if topic not in found:
        raise ConfigError(said("{topic} is no topic in force: see `qianbei principals`", topic=topic))
    grant = found[topic]
    if _newest(installation, grant) == grant:
        raise ConfigError(
            said(
                "{topic} is the newest version of what {department} sees: only an earlier one is retired; `qianbei revoke` "
                "withdraws all",
                topic=topic,
                department=grant.department,
            )
        )
    return grant


def _newest(installation: Installation, grant: Grant) -> Grant:
    same = (g for g in installation.grants if (g.department, g.subject) == (grant.department, grant.subject))
    return max(same, key=lambda one: one.terms.version)


def _require_unread(groups: Groups, grant: Grant) -> None:
    reading: Mapping[str, int] = groups.reading(grant.topic, group_prefix(grant.department))
    if reading:
        raise ConfigError(
            said(
                "{topic} is still read, by {groups}: let them go on with the next version, or use --force",
                topic=grant.topic,
                groups=", ".join(f"{name} ({count})" for name, count in sorted(reading.items())),
            )
        )


def _require_filled(groups: Groups, installation: Installation, grant: Grant) -> None:
    newest = _newest(installation, grant).topic
    if unfilled(groups, [newest]):
        raise ConfigError(
            said(
                "{newest} is not filled yet: run `qianbei backfill {department}` first, or use --force",
                newest=newest,
                department=grant.department,
            )
        )


def _retirement(installation: Installation, grant: Grant) -> SiteFile:
    principal = installation.catalogue.principals[grant.department]
    present = installation.site.get(grant.department) or SiteFile(
        departments=(grant.department,), zh=principal.zh, en=principal.en
    )
    version = f"{grant.subject}.v{grant.terms.version}"
    return present.model_copy(update={"retired": {**present.retired, version: files.now()}})
