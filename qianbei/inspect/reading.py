"""What all looks into topics share: a reader of one user, decoding by schema id, and clear errors for what is denied."""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from difflib import get_close_matches

from broker.deploy import installation_topics
from broker.errors import AccessDenied, ConfigError
from broker.kafka import Connection, PartitionReader, Record, TopicPartition
from broker.replay.reading import read_out, whole
from qianbei.site import Site
from schemas.installation import Installation
from schemas.said import said


@contextmanager
def reader_of(site: Site, user: str) -> Iterator[PartitionReader]:
    """A reader of named partitions as this user. Raises ConfigError for one that was never deployed."""
    with PartitionReader(Connection.of(site.settings(user))) as reader:
        yield reader


def partitions_of(
    reader: PartitionReader, topic: str, user: str, installation: Installation
) -> list[TopicPartition]:
    """The partitions of a topic. Raises AccessDenied if ``user`` may not see it, ConfigError if there is none.

    To a user without rights a topic looks as if it were not there, and a consumer would wait on it for ever.
    """
    found = reader.partitions_of(topic)
    if found:
        return found
    known = [spec.name for spec in installation_topics(installation)]
    if topic in known:
        raise AccessDenied(
            said(
                "{user} may not read {topic}: the topic catalogue gives it no right to",
                user=user,
                topic=topic,
            )
        )
    near = get_close_matches(topic, known, n=3, cutoff=0.4)
    raise ConfigError(
        said("there is no topic {topic}", topic=topic)
        + (said("; did you mean {near}?", near=", ".join(near)) if near else "")
    )


def retained(reader: PartitionReader, partitions: Collection[TopicPartition]) -> Iterator[Record]:
    """Every record of these partitions from its first to the end that it has now."""
    return read_out(reader, whole(reader, partitions))


def place_of(topic: str, partition: int, offset: int) -> str:
    """A place in a topic, in the form in which commands take it."""
    return f"{topic}/{partition}/{offset}"


def parse_place(text: str) -> tuple[TopicPartition, int]:
    """``topic/partition/offset``, also with ``@`` before the offset. Raises ConfigError."""
    parts = text.replace("@", "/").split("/")
    if len(parts) != 3 or not parts[1].isdecimal() or not parts[2].isdecimal():
        raise ConfigError(
            said("{text!r} is no place: write topic/partition/offset, such as intake.bureau/2/118", text=text)
        )
    return TopicPartition(parts[0], int(parts[1])), int(parts[2])


def printable(text: str) -> str:
    """The text with everything that could steer a terminal made visible."""
    return "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in text)
