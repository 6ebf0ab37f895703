"""Kafka: topics, their configuration, users and rights, against the catalogue."""

from collections.abc import Collection, Iterator, Mapping, Sequence

from broker.deploy import installation_topics, kafka_users
from broker.kafka import Acl, Admin, Connection
from broker.settings import Settings
from broker.topics import TopicSpec, acls
from qianbei.doctor.finding import Finding, fail, ok, some

DEPLOY = "run `qianbei deploy`"


def look(settings: Settings) -> Iterator[Finding]:
    """Raises Unavailable or AccessDenied if Kafka cannot be asked."""
    topics = installation_topics()
    with Admin(Connection.of(settings)) as admin:
        present = admin.topics()
        known = [topic for topic in topics if topic.name in present]
        counts = admin.partition_counts(topic.name for topic in known)
        configs = admin.topic_configs(topic.name for topic in known)
        users, rights = admin.users(), admin.acls()
    yield ok("kafka", f"answers at {settings.kafka_bootstrap}")
    yield judge_topics(topics, present)
    yield judge_partitions(counts, settings.slots)
    yield judge_configs(known, configs, settings.replication)
    yield judge_users(set(kafka_users()) - users)
    yield from judge_rights(acls(topics), rights)


def judge_topics(topics: Sequence[TopicSpec], present: Collection[str]) -> Finding:
    """Every topic of the catalogue is there."""
    missing = {topic.name for topic in topics} - set(present)
    if missing:
        return fail("topics", f"{len(missing)} are missing: {some(missing)}", DEPLOY)
    return ok("topics", f"all {len(topics)} are there")


def judge_partitions(counts: Mapping[str, int], slots: int) -> Finding:
    """Each has as many partitions as there are slots."""
    wrong = {name for name, count in counts.items() if count != slots}
    if wrong:
        return fail(
            "partitions",
            f"{len(wrong)} topics do not have {slots}: {some(wrong)}",
            "set QIANBEI_SLOTS to the number with which the exchange was made; a topic that was given more partitions "
            "keeps no order and must be made anew",
        )
    return ok("partitions", f"{slots} in every topic")


def judge_configs(
    topics: Sequence[TopicSpec], configs: Mapping[str, Mapping[str, str]], copies: int
) -> Finding:
    """Each is configured as the catalogue says."""
    wrong = {
        f"{topic.name} {name}={configs[topic.name].get(name)} (must be {value})"
        for topic in topics
        for name, value in topic.config(copies).items()
        if configs[topic.name].get(name) != value
    }
    if wrong:
        return fail(
            "topic settings",
            f"{len(wrong)} differ: {some(wrong)}",
            "set them back with kafka-configs.sh --alter --add-config; find out who changed them",
        )
    return ok("topic settings", "as the catalogue says")


def judge_users(missing: set[str]) -> Finding:
    """Everyone who logs in has a password."""
    if missing:
        return fail("users", f"{len(missing)} have no password: {some(missing)}", DEPLOY)
    return ok("users", "all have a password")


def judge_rights(wanted: set[Acl], present: set[Acl]) -> Iterator[Finding]:
    """Nobody has less than the catalogue grants, and nobody more."""
    missing, surplus = wanted - present, present - wanted
    if missing:
        yield fail("rights", f"{len(missing)} are missing: {some({_name(acl) for acl in missing})}", DEPLOY)
    if surplus:
        yield fail(
            "rights",
            f"{len(surplus)} are granted beyond the catalogue: {some({_name(acl) for acl in surplus})}",
            f"find out who granted them, then {DEPLOY}: it withdraws them",
        )
    if not missing and not surplus:
        yield ok("rights", f"all {len(wanted)} as the catalogue grants, and no other")


def _name(acl: Acl) -> str:
    return f"{acl.user} {acl.operation} {acl.resource} {acl.name}{'*' if acl.prefixed else ''}"
