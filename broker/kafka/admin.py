"""Deployment and inspection: topics, users, rights, group positions. Every change is read back and proven."""

import time
from collections.abc import Callable, Iterable, Mapping
from types import TracebackType
from typing import Any, Self, TypeVar

from kafka import KafkaAdminClient
from kafka.admin import (
    ACL,
    ACLFilter,
    ACLOperation,
    ACLPermissionType,
    ACLResourcePatternType,
    ConfigResource,
    ConfigResourceType,
    MemberToRemove,
    ResourcePattern,
    ResourcePatternFilter,
    ResourceType,
    ScramMechanism,
    UserScramCredentialDeletion,
    UserScramCredentialUpsertion,
)

from broker.errors import ConfigError
from broker.kafka.connection import Connection, translated
from broker.kafka.opening import opened
from broker.kafka.tls import require_accepted
from broker.kafka.types import Acl, TopicPartition
from schemas.said import said

T = TypeVar("T")
SETTLE_S = 60.0


class Admin:
    """An administrator's client. The user must be a super user, or have the rights it uses."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._client: Any = None

    def __enter__(self) -> Self:
        require_accepted(self._connection)
        with translated(self._connection, "connect an administrator"):
            self._client = opened(KafkaAdminClient, self._connection.client_config())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None
    ) -> None:
        self._client.close()

    def topics(self) -> set[str]:
        """The names of all topics that this user may see."""
        with translated(self._connection, "list topics"):
            return set(self._client.list_topics())

    def create_topics(
        self, topics: Mapping[str, Mapping[str, str]], partitions: int, replication: int
    ) -> None:
        """Create topics with their configuration and wait until each has its leaders."""
        wanted = {
            name: {"num_partitions": partitions, "replication_factor": replication, "configs": dict(config)}
            for name, config in topics.items()
        }
        with translated(self._connection, "create topics"):
            self._client.create_topics(wanted, timeout_ms=30_000, wait_for_metadata=True)

    def delete_topics(self, topics: Iterable[str]) -> None:
        """Delete topics with all that is in them. Raises ConfigError if one is still there afterwards."""
        unwanted = set(topics) & self.topics()
        if not unwanted:
            return
        with translated(self._connection, "delete topics"):
            self._client.delete_topics(sorted(unwanted), timeout_ms=30_000)
        left = _settled(lambda: unwanted & self.topics())
        if left:
            raise ConfigError(
                said(
                    "Kafka at {bootstrap} did not delete: {left} …",
                    bootstrap=self._connection.bootstrap,
                    left=sorted(left)[:3],
                )
            )

    def partition_counts(self, topics: Iterable[str]) -> dict[str, int]:
        """How many partitions each topic has."""
        with translated(self._connection, "describe topics"):
            described = self._client.describe_topics(sorted(topics))
        return {topic["name"]: len(topic["partitions"]) for topic in described}

    def topic_configs(self, topics: Iterable[str]) -> dict[str, dict[str, str]]:
        """Each topic's whole configuration, what is left at its default included."""
        asked = [ConfigResource(ConfigResourceType.TOPIC, name, None) for name in sorted(topics)]
        if not asked:
            return {}
        with translated(self._connection, "describe the configuration of topics"):
            found = self._client.describe_configs(asked, config_filter="all")
        return {
            topic: {name: str(told["value"]) for name, told in config.items()}
            for topic, config in found["topic"].items()
        }

    def set_passwords(self, passwords: Mapping[str, str]) -> None:
        """Create users, or change their passwords (SCRAM-SHA-256). Raises ConfigError for a user that was refused."""
        changes = [
            UserScramCredentialUpsertion(user, ScramMechanism.SCRAM_SHA_256, password, iterations=4096)
            for user, password in passwords.items()
        ]
        with translated(self._connection, "create users"):
            outcome = self._client.alter_user_scram_credentials(changes)
        refused = {user: error for user, error in outcome.items() if error}
        if refused:
            raise ConfigError(
                said(
                    "Kafka at {bootstrap} refused users: {refused}",
                    bootstrap=self._connection.bootstrap,
                    refused=refused,
                )
            )
        missing = _settled(lambda: set(passwords) - self.users())
        if missing:
            raise ConfigError(
                said(
                    "Kafka at {bootstrap} did not create: {missing} …",
                    bootstrap=self._connection.bootstrap,
                    missing=sorted(missing)[:3],
                )
            )

    def remove_users(self, users: Iterable[str]) -> None:
        """Take the passwords of those of these users that have one. Raises ConfigError if one can still log in."""
        unwanted = set(users) & self.users()
        if not unwanted:
            return
        changes = [
            UserScramCredentialDeletion(user, ScramMechanism.SCRAM_SHA_256) for user in sorted(unwanted)
        ]
        with translated(self._connection, "remove users"):
            self._client.alter_user_scram_credentials(changes)
        left = _settled(lambda: unwanted & self.users())
        if left:
            raise ConfigError(
                said(
                    "Kafka at {bootstrap} did not remove: {left} …",
                    bootstrap=self._connection.bootstrap,
                    left=sorted(left)[:3],
                )
            )

    def users(self) -> set[str]:
        """The users that have a SCRAM password."""
        with translated(self._connection, "list users"):
            return set(self._client.describe_user_scram_credentials())

    def acls(self) -> set[Acl]:
        """All rights in force that allow something to a user from anywhere."""
        anything = ResourcePatternFilter(ResourceType.ANY, None, ACLResourcePatternType.ANY)
        query = ACLFilter(None, None, ACLOperation.ANY, ACLPermissionType.ANY, anything)
        with translated(self._connection, "list rights"):
            found, _ = self._client.describe_acls(query)
        return {_from_kafka(acl) for acl in found}

    def grant(self, acls: Iterable[Acl]) -> None:
        """Allow, and prove by reading back. Raises ConfigError if a right is not in force afterwards."""
        wanted = set(acls)
        if not wanted:
            return
        with translated(self._connection, "grant rights"):
            outcome = self._client.create_acls([_to_kafka(acl) for acl in sorted(wanted)])
            # The client gives errors as data. Raised, they keep their meaning: AccessDenied, or Unavailable to try again.
            if outcome["failed"]:
                raise outcome["failed"][0]
        missing = _settled(lambda: wanted - self.acls())
        if missing:
            raise ConfigError(
                said(
                    "Kafka at {bootstrap} did not grant: {missing} …",
                    bootstrap=self._connection.bootstrap,
                    missing=sorted(missing)[:3],
                )
            )

    def revoke(self, acls: Iterable[Acl]) -> None:
        """Withdraw rights. Raises ConfigError if one is still in force afterwards."""
        unwanted = set(acls)
        if not unwanted:
            return
        with translated(self._connection, "revoke rights"):
            self._client.delete_acls([_to_kafka(acl) for acl in sorted(unwanted)])
        left = _settled(lambda: unwanted & self.acls())
        if left:
            raise ConfigError(
                said(
                    "Kafka at {bootstrap} did not revoke: {left} …",
                    bootstrap=self._connection.bootstrap,
                    left=sorted(left)[:3],
                )
            )

    def groups(self, prefix: str) -> set[str]:
        """The consumer groups whose names begin so."""
        with translated(self._connection, "list consumer groups"):
            found = {str(group["group_id"]) for group in self._client.list_groups()}
        return {name for name in found if name.startswith(prefix)}

    def expel_members(self, group: str) -> None:
        """Let a group forget its members, as when their process was killed: the broker would else wait for their session's end.

        Raises ConfigError if some stay.
        """
        with translated(self._connection, f"expel the members of {group}"):
            members = self._members(group)
            if members:
                self._client.remove_group_members(group, [MemberToRemove(member_id=one) for one in members])
            left = members & self._members(group)
        if left:
            raise ConfigError(
                said(
                    "Kafka at {bootstrap} keeps {count} members of {group}",
                    bootstrap=self._connection.bootstrap,
                    count=len(left),
                    group=group,
                )
            )

    def _members(self, group: str) -> set[str]:
        return {str(one["member_id"]) for one in self._client.describe_groups([group])[group]["members"]}

    def group_offsets(self, group: str) -> dict[TopicPartition, int]:
        """The committed offsets of a group, for display only: open transactions are not waited for."""
        with translated(self._connection, f"read the offsets of {group}"):
            found = self._client.list_group_offsets(group).get(group, {})
        return {
            TopicPartition(p.topic, p.partition): meta.offset for p, meta in found.items() if meta.offset >= 0
        }

    def leave_group(self, group: str, instance: str) -> None:
        """Let a member with a stable name leave, so that it is not waited for and its next subscription is a new one."""
        member = MemberToRemove(group_instance_id=instance)
        with translated(self._connection, f"leave {group}"):
            self._client.remove_group_members(group, [member])


def _settled(unfinished: Callable[[], set[T]]) -> set[T]:
    """What is still unfinished after a while: a broker learns of a change a moment after the controller took it."""
    deadline = time.monotonic() + SETTLE_S
    while (left := unfinished()) and time.monotonic() < deadline:
        time.sleep(0.05)
    return left


def _to_kafka(acl: Acl) -> ACL:
    pattern = ACLResourcePatternType.PREFIXED if acl.prefixed else ACLResourcePatternType.LITERAL
    resource = ResourcePattern(ResourceType[acl.resource], acl.name, pattern)
    return ACL(f"User:{acl.user}", "*", ACLOperation[acl.operation], ACLPermissionType.ALLOW, resource)


def _from_kafka(acl: Any) -> Acl:
    pattern = acl.resource_pattern
    return Acl(
        user=acl.principal.removeprefix("User:"),
        resource=pattern.resource_type.name,
        name=pattern.resource_name,
        operation=acl.operation.name,
        prefixed=pattern.pattern_type is ACLResourcePatternType.PREFIXED,
    )
