"""Consumer groups from outside: what they have committed, marks set in them, and who reads what."""

from collections.abc import Iterable, Mapping
from typing import Any

from kafka import OffsetAndMetadata
from kafka import TopicPartition as KafkaPartition
from kafka.admin import ConfigResource, ConfigResourceType

from broker.errors import ConfigError
from broker.kafka.admin import Admin
from broker.kafka.connection import translated
from broker.kafka.types import Committed, TopicPartition
from schemas.said import said


class Groups(Admin):
    """An administrator of groups; the user needs DESCRIBE on those that it looks at, READ on those that it sets."""

    def committed(self, groups: Iterable[str]) -> dict[str, dict[TopicPartition, Committed]]:
        """What these groups have committed. Open transactions are not waited for: what they hold is not told yet."""
        wanted = set(groups)
        # Only those that are there: where nothing was ever committed there is nobody yet to answer for the others.
        asked = sorted(wanted & self.groups("")) if wanted else []
        nothing: dict[str, dict[TopicPartition, Committed]] = {group: {} for group in wanted}
        if not asked:
            return nothing
        with translated(self._connection, "read the offsets of groups"):
            found = self._client.list_group_offsets(asked)
        return nothing | {
            group: {
                TopicPartition(p.topic, p.partition): Committed(int(one.offset), one.metadata or "")
                for p, one in offsets.items()
                if one.offset >= 0
            }
            for group, offsets in found.items()
        }

    def commit(self, group: str, offsets: Mapping[TopicPartition, Committed]) -> None:
        """Set offsets of a group without members, and prove it by reading back. Raises ConfigError if they do not stand."""
        wanted = {
            KafkaPartition(*p): OffsetAndMetadata(one.offset, one.metadata, -1) for p, one in offsets.items()
        }
        with translated(self._connection, f"set the offsets of {group}"):
            # The client gives errors as data: what stands afterwards is what counts.
            self._client.alter_group_offsets(group, wanted)
        found = self.committed([group]).get(group, {})
        wrong = [p for p, one in offsets.items() if found.get(p) != one]
        if wrong:
            raise ConfigError(
                said(
                    "Kafka at {bootstrap} did not set {count} offsets of {group}",
                    bootstrap=self._connection.bootstrap,
                    count=len(wrong),
                    group=group,
                )
            )

    def delete(self, groups: Iterable[str]) -> None:
        """Forget groups without members, with what they committed. Raises ConfigError if one is still there."""
        unwanted = sorted(groups)
        if not unwanted:
            return
        with translated(self._connection, "delete consumer groups"):
            self._client.delete_groups(unwanted)
        left = [group for group, offsets in self.committed(unwanted).items() if offsets]
        if left:
            raise ConfigError(
                said(
                    "Kafka at {bootstrap} did not delete: {left} …",
                    bootstrap=self._connection.bootstrap,
                    left=left[:3],
                )
            )

    def kept_minutes(self) -> int:
        """How long a broker remembers what groups without members have committed: the shortest time of any."""
        with translated(self._connection, "describe the configuration of brokers"):
            brokers = [str(one["broker_id"]) for one in self._client.describe_cluster()["brokers"]]
            asked = [ConfigResource(ConfigResourceType.BROKER, broker, None) for broker in brokers]
            found = self._client.describe_configs(asked, config_filter="all")["broker"]
        return min(int(found[broker]["offsets.retention.minutes"]["value"]) for broker in brokers)

    def reading(self, topic: str, prefix: str) -> dict[str, int]:
        """How many members have subscribed to a topic, by group, of the groups whose names begin so."""
        groups = sorted(self.groups(prefix))
        if not groups:
            return {}
        with translated(self._connection, "describe consumer groups"):
            described = self._client.describe_groups(groups)
        counts = {
            name: sum(topic in _subscribed(one) for one in told["members"])
            for name, told in described.items()
        }
        return {name: count for name, count in counts.items() if count}


def _subscribed(member: Mapping[str, Any]) -> Iterable[str]:
    """The topics of a member; of one that speaks another protocol than Kafka's consumers, none is known."""
    told = member.get("member_metadata")
    return told.get("topics", ()) if isinstance(told, Mapping) else getattr(told, "topics", ())
