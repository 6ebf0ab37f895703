"""Which registry ids belong to which released schema versions: the bridge from files to the wire."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from broker.codec import Decoder, Encode, Released, encoder
from broker.errors import ConfigError
from broker.registry import SchemaIds
from broker.topics import exchange_topic
from schemas.files import latest_version, load_schema, parsed, released_versions
from schemas.said import said

#: What only the exchange writes may be long: a quarantine record holds whatever came, up to the broker's own limit.
OWN_MAX_BYTES = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class RegistrySubject:
    """A subject of the schema registry and the record whose versions are registered under it."""

    name: str
    record: str


def intake_subject(record: str) -> RegistrySubject:
    """On intake many types share a topic, so the subject is the record's full name (RecordNameStrategy)."""
    name: str = (
        load_schema(record, latest_version(record))["namespace"]
        + "."
        + load_schema(record, latest_version(record))["name"]
    )
    return RegistrySubject(name, record)


def topic_subject(topic: str, record: str) -> RegistrySubject:
    """Elsewhere the subject is ``<topic>-value`` (TopicNameStrategy)."""
    return RegistrySubject(f"{topic}-value", record)


def exchange_subject(record: str) -> RegistrySubject:
    """The registry subject of an exchange topic."""
    return topic_subject(exchange_topic(record), record)


def lookup(registry: SchemaIds, subject: RegistrySubject) -> Iterator[Released]:
    """The released versions of a subject with their ids. Raises ConfigError if one was never registered."""
    for version in released_versions(subject.record):
        schema_id = registry.lookup(subject.name, load_schema(subject.record, version))
        if schema_id is None:
            raise ConfigError(
                said(
                    "the registry does not know version {version} of {name}: run `qianbei deploy`",
                    version=version,
                    name=subject.name,
                )
            )
        yield Released(subject.record, version, schema_id, parsed(subject.record, version))


def decoder(
    registry: SchemaIds, subjects: Iterable[RegistrySubject], *, max_bytes: int = OWN_MAX_BYTES
) -> Decoder:
    """A decoder that knows the released versions of these subjects and nothing else."""
    known = {found.schema_id: found for subject in subjects for found in lookup(registry, subject)}
    return Decoder(known, max_bytes=max_bytes)


def encode_newest(registry: SchemaIds, subject: RegistrySubject) -> Encode:
    """An encoder for the newest released version of a subject."""
    newest = max(lookup(registry, subject), key=lambda released: released.version)
    return encoder(newest.schema_id, newest.parsed)
