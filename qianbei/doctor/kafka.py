"""Kafka: topics, their configuration, users and rights, against the catalogue."""

from collections.abc import Collection, Iterator, Mapping, Sequence

from broker.deploy import installation_topics, kafka_users, revoked_users
from broker.kafka import Acl, Connection, Groups
from broker.settings import Settings
from broker.topics import TopicSpec, acls
from qianbei.doctor.finding import Finding, fail, ok, some, warn
from schemas.said import said

DEPLOY = said("run `qianbei deploy`")
_A_DAY = 24 * 60
LEAST_KEPT_MINUTES = 400 * _A_DAY
"""As long as the intake is kept."""


def look(settings: Settings) -> Iterator[Finding]:
    """Raises Unavailable or AccessDenied if Kafka cannot be asked."""
    installation = settings.installation()
    topics = installation_topics(installation)
    with Groups(Connection.of(settings)) as admin:
        present = admin.topics()
        known = [topic for topic in topics if topic.name in present]
        counts = admin.partition_counts(topic.name for topic in known)
        configs = admin.topic_configs(topic.name for topic in known)
        users, rights = admin.users(), admin.acls()
        kept = admin.kept_minutes()
    yield ok(said("kafka"), said("answers at {kafka_bootstrap}", kafka_bootstrap=settings.kafka_bootstrap))
    yield judge_topics(topics, present)
    yield judge_partitions(counts, settings.slots)
    yield judge_configs(known, configs, settings.replication)
    yield judge_kept(kept)
    yield judge_users(set(kafka_users(installation)) - users, revoked_users(installation) & users)
    yield from judge_rights(acls(topics), rights)


def judge_topics(topics: Sequence[TopicSpec], present: Collection[str]) -> Finding:
    """Every topic of the catalogue is there."""
    missing = {topic.name for topic in topics} - set(present)
    if missing:
        return fail(
            said("topics"),
            said("{count} are missing: {missing}", count=len(missing), missing=some(missing)),
            DEPLOY,
        )
    return ok(said("topics"), said("all {count} are there", count=len(topics)))


def judge_partitions(counts: Mapping[str, int], slots: int) -> Finding:
    """Each has as many partitions as there are slots."""
    wrong = {name for name, count in counts.items() if count != slots}
    if wrong:
        return fail(
            said("partitions"),
            said(
                "{count} topics do not have {slots}: {wrong}",
                count=len(wrong),
                slots=slots,
                wrong=some(wrong),
            ),
            said(
                "set QIANBEI_SLOTS to the number with which the exchange was made; a topic that was given more partitions "
                "keeps no order and must be made anew"
            ),
        )
    return ok(said("partitions"), said("{slots} in every topic", slots=slots))


def judge_configs(
    topics: Sequence[TopicSpec], configs: Mapping[str, Mapping[str, str]], copies: int
) -> Finding:
    """Each is configured as the catalogue says."""
    wrong = {
        said(
            "{name} {name2}={name3} (must be {value})",
            name=topic.name,
            name2=name,
            name3=configs[topic.name].get(name),
            value=value,
        )
        for topic in topics
        for name, value in topic.config(copies).items()
        if configs[topic.name].get(name) != value
    }
    if wrong:
        return fail(
            said("topic settings"),
            said("{count} differ: {wrong}", count=len(wrong), wrong=some(wrong)),
            said("set them back with kafka-configs.sh --alter --add-config; find out who changed them"),
        )
    return ok(said("topic settings"), said("as the catalogue says"))


def judge_kept(minutes: int) -> Finding:
    """The positions of services, and the marks of topics that are being filled, outlive the longest pause."""
    if minutes < LEAST_KEPT_MINUTES:
        return warn(
            said("group offsets"),
            said("are forgotten {days:.0f} days after a group's last member has left", days=minutes / _A_DAY),
            said(
                "set offsets.retention.minutes of every broker to {least} or more: a service that stands longer begins "
                "anew, and a topic that is being filled would have a gap",
                least=LEAST_KEPT_MINUTES,
            ),
        )
    return ok(said("group offsets"), said("are kept {days:,.0f} days", days=minutes / _A_DAY))


def judge_users(missing: set[str], surplus: set[str]) -> Finding:
    """Everyone who logs in has a password, and nobody who is revoked."""
    if surplus:
        return fail(
            said("users"),
            said(
                "{count} are revoked and can still log in: {surplus}",
                count=len(surplus),
                surplus=some(surplus),
            ),
            DEPLOY,
        )
    if missing:
        return fail(
            said("users"),
            said("{count} have no password: {missing}", count=len(missing), missing=some(missing)),
            DEPLOY,
        )
    return ok(said("users"), said("all have a password"))


def judge_rights(wanted: set[Acl], present: set[Acl]) -> Iterator[Finding]:
    """Nobody has less than the catalogue grants, and nobody more."""
    missing, surplus = wanted - present, present - wanted
    if missing:
        yield fail(
            said("rights"),
            said(
                "{count} are missing: {names}",
                count=len(missing),
                names=some({_name(acl) for acl in missing}),
            ),
            DEPLOY,
        )
    if surplus:
        yield fail(
            said("rights"),
            said(
                "{count} are granted beyond the catalogue: {names}",
                count=len(surplus),
                names=some({_name(acl) for acl in surplus}),
            ),
            said("find out who granted them, then {deploy}: it withdraws them", deploy=DEPLOY),
        )
    if not missing and not surplus:
        yield ok(said("rights"), said("all {count} as the catalogue grants, and no other", count=len(wanted)))


def _name(acl: Acl) -> str:
    return f"{acl.user} {acl.operation} {acl.resource} {acl.name}{'*' if acl.prefixed else ''}"
