"""Deployment: makes an empty Kafka, registry and Postgres into an exchange, and brings an older one up to date.

Every step may be repeated. What is in force afterwards equals the catalogue: missing topics, schemas, users and rights
are added, rights that the catalogue does not grant are withdrawn. Nothing that holds data is ever removed.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from broker.backfill.beginning import begin
from broker.disclosed.terms import keep_terms
from broker.errors import ConfigError
from broker.kafka import Admin, Connection, Groups
from broker.registry import Registry
from broker.released import exchange_subject, intake_subject, topic_subject
from broker.settings import Settings
from broker.store.connect import connected, translated
from broker.store.migrate import migrate
from broker.topics import SERVICE_USERS, TopicSpec, acls, topic_catalogue
from schemas.files import load_schema, released_versions
from schemas.installation import Installation
from schemas.said import said


@dataclass(frozen=True, slots=True)
class Deployed:
    """What a deployment found missing and made; ``fills``: new topics that are to be filled from history."""

    topics: int
    schemas: int
    rights: int
    fills: tuple[str, ...] = ()


def installation_topics(installation: Installation) -> tuple[TopicSpec, ...]:
    """The topics of an installation's catalogue and entitlements."""
    return topic_catalogue(installation.catalogue, installation.entitlements)


def kafka_users(installation: Installation) -> tuple[str, ...]:
    """Everyone who logs in to Kafka: the principals and the services. The exchange itself is no user."""
    return (*installation.catalogue.members, *SERVICE_USERS)


def revoked_users(installation: Installation) -> set[str]:
    """Who may not log in any more."""
    return {name for name, principal in installation.catalogue.principals.items() if principal.revoked}


def deploy(
    settings: Settings,
    installation: Installation,
    passwords: Mapping[str, str],
    roles: Mapping[str, str],
    live: Collection[str] = (),
) -> Deployed:
    """Bring all three servers up to the installation, as their administrator.

    ``passwords`` gives each Kafka user's password, ``roles`` each Postgres role's; new topics of ``live`` are not filled
    from history. Raises ConfigError, AccessDenied or Unavailable.
    """
    topics, connection = installation_topics(installation), Connection.of(settings)
    dsn = settings.dsn()
    migrate(dsn, settings.slots, roles)
    # Before any record leaves by them.
    with translated(dsn), connected(dsn, "qianbei deploy") as db:
        keep_terms(db, installation)
    with Groups(connection) as admin:
        admin.set_passwords(passwords)
        fills = begin(connection, admin, topics, live)
        made = _create_topics(admin, topics, settings)
        changed = _set_rights(admin, topics)
        admin.remove_users(revoked_users(installation))
    # Last: a service that finds a schema registered may count on its topic, and on its rights to it.
    with Registry(settings.registry_url) as registry:
        registry.set_compatibility("FULL_TRANSITIVE")
        registered = sum(
            1
            for subject, schema in released_schemas(installation)
            if registry.register(subject, schema) is not None
        )
    return Deployed(made, registered, changed, fills)


def withdraw(settings: Settings, installation: Installation) -> int:
    """Take rights and passwords from whom the installation revokes; gives the number of rights that changed.

    Kafka checks rights on every request, so readers and writers that are connected are refused at once too.
    """
    with Admin(Connection.of(settings)) as admin:
        changed = _set_rights(admin, installation_topics(installation))
        admin.remove_users(revoked_users(installation))
    return changed


def _create_topics(admin: Admin, topics: Sequence[TopicSpec], settings: Settings) -> int:
    present = admin.topics()
    missing = {
        topic.name: topic.config(settings.replication) for topic in topics if topic.name not in present
    }
    if missing:
        admin.create_topics(missing, settings.slots, settings.replication)
    counts = admin.partition_counts(topic.name for topic in topics)
    wrong = {name: count for name, count in counts.items() if count != settings.slots}
    if wrong:
        raise ConfigError(
            said(
                "topics must have {slots} partitions, as many as there are slots, for ever; these "
                "have not: {items}. Set QIANBEI_SLOTS to the number with which the exchange was made",
                slots=settings.slots,
                items=dict(sorted(wrong.items())[:5]),
            )
        )
    return len(missing)


def _set_rights(admin: Admin, topics: Sequence[TopicSpec]) -> int:
    wanted, present = acls(topics), admin.acls()
    admin.grant(wanted - present)
    admin.revoke(present - wanted)
    return len(wanted ^ present)


def released_schemas(installation: Installation) -> Iterator[tuple[str, dict[str, object]]]:
    """Every schema of the installation, with the registry subject that it is registered under."""
    for subject in installation.catalogue.subjects:
        for version in released_versions(subject):
            schema = load_schema(subject, version)
            yield intake_subject(subject).name, schema
            yield exchange_subject(subject).name, schema
    for topic in installation_topics(installation):
        if topic.kind in ("decision", "quarantine"):
            for version in released_versions(topic.kind):
                yield topic_subject(topic.name, topic.kind).name, load_schema(topic.kind, version)
    for grant in installation.grants:
        newest = load_schema(grant.subject, released_versions(grant.subject)[-1])
        yield f"{grant.topic}-value", grant.schema(newest)


def read_secrets(folder: Path, names: Iterable[str]) -> dict[str, str]:
    """Read one password a file. Raises ConfigError naming a file that is missing."""
    secrets = {}
    for name in names:
        try:
            secrets[name] = (folder / name).read_text().strip()
        except OSError as error:
            raise ConfigError(
                said(
                    "the password file {folder} cannot be read: {strerror}",
                    folder=folder / name,
                    strerror=error.strerror,
                )
            ) from None
    return secrets
