"""A principal on the servers, and back. Both ways may be repeated, and go on after a crash at any step.

A grant puts the site's file in place last: until then nobody serves the new principal, and `qianbei deploy` would take
its rights away again. A revocation puts it in place first: from then on nobody gives the rights back.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from broker.api.tokens import revoke_all
from broker.backfill import marks
from broker.backfill.beginning import forget, forget_joined
from broker.deploy import installation_topics, released_schemas, withdraw
from broker.errors import ConfigError
from broker.kafka import Acl, Admin, Connection, Groups
from broker.store.connect import connected, translated
from broker.topics import FILL_GROUPS, acls, fill_group
from qianbei.grants import files
from qianbei.grants.retiring import with_earlier
from qianbei.site import Site, deploy_site
from schemas.entitlements import Grant, grants
from schemas.identifiers import uscc as codes
from schemas.installation import BUREAU, KEPT, Installation
from schemas.said import said
from schemas.sitefiles import SiteFile


@dataclass(frozen=True, slots=True)
class Planned:
    """What a grant comes to: ``file`` is put in place, the rest is made where it is missing."""

    file: SiteFile
    installation: Installation
    topics: tuple[str, ...]
    schemas: tuple[str, ...]
    rights: tuple[Acl, ...]
    warnings: tuple[str, ...]
    unchanged: bool

    @property
    def name(self) -> str:
        """The principal."""
        return self.file.name


def plan(site: Site, wanted: SiteFile) -> Planned:
    """Judge a grant as a whole; nothing is changed. Raises ConfigError naming what is wrong and how to mend it."""
    file, unchanged = _dated(site, wanted)
    installation = site.admin.installation(file)
    _require_new_versions(site, file, installation)
    topics = installation_topics(installation)
    own = [topic for topic in topics if topic.principal == file.name]
    names = {topic.name for topic in own}
    return Planned(
        file,
        installation,
        tuple(sorted(names)),
        tuple(sorted({s for s, _ in released_schemas(installation) if s.removesuffix("-value") in names})),
        tuple(sorted(acl for acl in acls(own) if acl.name in names or acl.user == file.name)),
        tuple(_warnings(file)),
        unchanged,
    )


def _dated(site: Site, wanted: SiteFile) -> tuple[SiteFile, bool]:
    """With the time of the grant; that of the file in place (True) if it says the same, so that repeating changes nothing."""
    if wanted.revoked is not None:
        raise ConfigError(
            said(
                "{file_name}: says that it is revoked: take that line out, or use `qianbei revoke`",
                file_name=wanted.file_name,
            )
        )
    present = site.admin.installation().site.get(wanted.name)
    wanted = wanted if present is None else with_earlier(wanted, present)
    if present is not None and present.model_copy(update={"granted": None}) == wanted.model_copy(
        update={"granted": None}
    ):
        return present, True
    return wanted.model_copy(update={"granted": files.now()}), False


def _require_new_versions(site: Site, file: SiteFile, installation: Installation) -> None:
    """A topic holds records of one shape: who is to see other fields gets another topic, also after a revocation."""
    wanted = {g.topic: g for g in installation.grants if g.department == file.name}
    for old in _granted_before(site, file.name):
        new = wanted.get(old.topic)
        if new is not None and _shape(new) != _shape(old):
            raise ConfigError(
                said(
                    "{file_name}: {subject}: fields, masks, rows or party_roles are others than those of "
                    "{topic}, which was granted already: raise its version to {version}",
                    file_name=file.file_name,
                    subject=new.subject,
                    topic=old.topic,
                    version=new.terms.version + 1,
                )
            )


def _granted_before(site: Site, name: str) -> list[Grant]:
    """What a principal was granted until now, as far as the site's files tell."""
    kept = files.all_before(files.folder_of(site.admin), name)
    present = [grant for grant in site.admin.installation().grants if grant.department == name]
    return [*present, *grants(one for one in kept if one.subjects)]


def _shape(grant: Grant) -> tuple[object, ...]:
    terms = grant.terms
    return frozenset(terms.fields), terms.rows, dict(terms.masks), dict(terms.party_roles)


def _warnings(file: SiteFile) -> Iterable[str]:
    code = None if file.principal is None else file.principal.uscc
    if code is not None and codes.check(code) is codes.Result.CHECK_DIGIT_MISMATCH:
        yield f"{file.file_name}: the check character of principal.uscc does not fit; some codes in use are so: look again"


def again(site: Site, name: str) -> SiteFile:
    """The file that grants once more what was revoked. Raises ConfigError for what is not revoked."""
    installation = site.admin.installation()
    principal = installation.catalogue.principals.get(name)
    if principal is None or not principal.revoked:
        known = "is granted already" if principal else "is not known"
        raise ConfigError(
            said(
                "{name} {known}: give a FILE, or --like a shipped department for a new one",
                name=name,
                known=known,
            )
        )
    for before in files.all_before(files.folder_of(site.admin), name):
        return before
    return SiteFile(departments=(name,), zh=principal.zh, en=principal.en)


def grant(site: Site, planned: Planned, *, backfill: bool | None = None) -> Path:
    """Password, user, topics, schemas and rights, then the file; gives its path. Raises what ``deploy_site`` raises.

    ``backfill``: whether its new topics are marked to be filled from history; None: those that are a new version of one
    that it had.
    """
    folder = files.folder_of(site.admin)
    deploy_site(site, planned.installation, _live(site, planned, backfill=backfill))
    # What is routed from this moment on is promised, so it is noted now and not before.
    since = planned.file.granted if planned.unchanged else files.now()
    return files.put(folder, planned.file.model_copy(update={"granted": since}))


def _live(site: Site, planned: Planned, *, backfill: bool | None) -> set[str]:
    """Its topics that are not filled from history."""
    raised = {old.subject for old in _granted_before(site, planned.name)}
    return {
        grant.topic
        for grant in planned.installation.grants
        if grant.department == planned.name
        and not (grant.subject in raised if backfill is None else backfill)
    }


def unfilled(site: Site, name: str) -> tuple[str, ...]:
    """A principal's topics that are still to be filled from history, or joined to the live stream."""
    topics = [grant.topic for grant in site.admin.installation().grants if grant.department == name]
    with Groups(Connection.of(site.admin)) as groups:
        return marks.unfilled(groups, topics)


# --- back -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Revoked:
    """What a revocation took: rights that were changed, tokens that still opened something; and what is kept."""

    path: Path
    rights: int
    tokens: int
    kept: tuple[str, ...]


def revoke(site: Site, name: str) -> Revoked:
    """Take rights, password and tokens from a principal, at once. Raises ConfigError for one that cannot be revoked."""
    folder, installation = files.folder_of(site.admin), site.admin.installation()
    revocation = _revocation(installation, name)
    with Groups(connection := Connection.of(site.admin)) as groups:
        kept = sorted(topic for topic in groups.topics() if _is_of(topic, name))
        fills = groups.groups(FILL_GROUPS) & set(map(fill_group, kept))
        # 0. Marks of what has joined: routing would wait for a joined topic that it does not know.
        forget_joined(connection, groups, fills)
        # 1. From here no deployment and no service gives it anything.
        path = files.put(folder, revocation)
        # What was being filled is not any more; what is granted again begins anew.
        forget(connection, groups, fills)
    # 2. Kafka: who is connected is refused with the next request, who is not cannot log in.
    rights = withdraw(site.admin, site.admin.installation())
    # 3. The front door is told by Postgres.
    dsn = site.admin.dsn()
    with translated(dsn), connected(dsn, "qianbei revoke") as db:
        tokens = revoke_all(db, name)
    # 4. Should it ever be granted again, its password is another.
    (site.secrets / "kafka" / name).unlink(missing_ok=True)
    return Revoked(path, rights, tokens, tuple(kept))


def _revocation(installation: Installation, name: str) -> SiteFile:
    principal = installation.catalogue.principals.get(name)
    if principal is None:
        raise ConfigError(
            said(
                "there is no principal {name}; there are {members}",
                name=name,
                members=", ".join(sorted(installation.catalogue.members)),
            )
        )
    if name in KEPT:
        who = (
            "the bureau files and answers for the exchange" if name == BUREAU else "it is the exchange itself"
        )
        raise ConfigError(said("{name} cannot be revoked: {who}", name=name, who=who))
    present = installation.site.get(name)
    if present is not None and present.revoked is not None:
        return present
    terms = None if present is None else present.principal
    if terms is not None:
        terms = terms.model_copy(update={"sends": None, "sends_like": None})
    return SiteFile(
        departments=(name,), zh=principal.zh, en=principal.en, principal=terms, revoked=files.now()
    )


def copies(topics: Iterable[str]) -> tuple[str, ...]:
    """Those of a principal's topics that hold no more than copies made for it.

    What it sent, and what was decided of it, is the exchange's own evidence: the place in the intake is what a decision
    is known by, so an intake that was made anew would give two records one name.
    """
    return tuple(topic for topic in topics if topic.startswith(("dept.", "dlq.")))


def delete_copies(site: Site, topics: Iterable[str]) -> None:
    """Delete topics with all that is in them. Raises ConfigError or Unavailable."""
    with Admin(Connection.of(site.admin)) as admin:
        admin.delete_topics(copies(topics))


def _is_of(topic: str, name: str) -> bool:
    kind, _, rest = topic.partition(".")
    if kind == "dept":
        return rest.rsplit(".", 2)[0] == name
    return kind in ("intake", "decision", "quarantine", "dlq") and rest == name
