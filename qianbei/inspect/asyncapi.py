"""``qianbei asyncapi``: what a principal's program reads and writes, as an AsyncAPI 3 document.

It is written from the program's side: it *receives* from its topics and its decisions, and *sends* to its intake. All of
it is made from the catalogue, the entitlements and the Avro files, so it is what the exchange does, and needs no server.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

from broker.deploy import installation_topics
from broker.errors import ConfigError
from broker.released import intake_subject, topic_subject
from broker.topics import TopicSpec, group_prefix
from schemas.catalogue import Catalogue
from schemas.derive import LEFT
from schemas.entitlements import Grant, Rows, newest_schemas
from schemas.files import latest_version, load_schema
from schemas.installation import Installation
from schemas.said import said

ASYNCAPI = "3.0.0"
BINDING = "0.5.0"
AVRO = "application/vnd.apache.avro;version=1.9.0"
CONTENT_TYPE = "application/avro"

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Servers:
    """What is known of the servers; None becomes a variable of the document."""

    bootstrap: str | None = None
    registry: str | None = None
    partitions: int | None = None
    encrypted: bool = True


@dataclass(frozen=True, slots=True)
class _Exchange:
    """Everything that a document is made from."""

    catalogue: Catalogue
    topics: Mapping[str, TopicSpec]
    grants: Mapping[str, Grant]
    servers: Servers


def document(installation: Installation, wanted: Sequence[str], servers: Servers) -> Json:
    """The document of these principals' programs. Raises ConfigError for an unknown name."""
    members = installation.catalogue.members
    for name in wanted:
        if name not in members:
            raise ConfigError(
                said(
                    "there is no principal {name}; there are {members}",
                    name=name,
                    members=", ".join(sorted(members)),
                )
            )
    topics = {topic.name: topic for topic in installation_topics(installation)}
    granted = {grant.topic: grant for grant in installation.grants}
    exchange = _Exchange(installation.catalogue, topics, granted, servers)
    parts = [part for name in wanted for part in _parts(exchange, name)]
    return {
        "asyncapi": ASYNCAPI,
        "info": _info(exchange, wanted),
        "defaultContentType": CONTENT_TYPE,
        "servers": {"exchange": _server(servers)},
        "channels": {part.topic: part.channel(exchange) for part in parts},
        "operations": {part.operation_id: part.operation() for part in parts},
        "components": {
            "messages": {name: one for part in parts for name, one in part.messages.items()},
            "securitySchemes": {
                "scram": {
                    "type": "scramSha256",
                    "description": "SASL/SCRAM-SHA-256 with the user and password of `qianbei connection`.",
                }
            },
        },
    }


def _info(exchange: _Exchange, wanted: Sequence[str]) -> Json:
    named = [exchange.catalogue.principal(name) for name in wanted]
    title = "、".join(one.zh for one in named) if len(named) < len(exchange.catalogue.members) else "全部单位"
    return {
        "title": f"房屋网签备案数据交换：{title}",
        "version": version("qianbei"),
        "description": (
            f"Exchange of housing-contract filings, as seen by the programs of: {', '.join(one.en for one in named)}.\n\n"
            "读取 dept.* 与 decision.*，报送 intake.*。同一实体以 revision 为序，取最大者；记录为事件后的完整状态。\n\n"
            "Order the records of an entity by `revision`, which is also in the header `qb_revision`; each record is the whole "
            "state after its event. Read with isolation.level=read_committed. Never register schemas."
        ),
    }


def _server(servers: Servers) -> Json:
    found: Json = {
        "host": servers.bootstrap or "{bootstrap}",
        "protocol": "kafka-secure" if servers.encrypted else "kafka",
        "protocolVersion": "4.1",
        "description": "数据交换平台的 Kafka。The exchange's Kafka; `qianbei connection` prints where it is.",
        "security": [{"$ref": "#/components/securitySchemes/scram"}],
    }
    if servers.bootstrap is None:
        found["variables"] = {"bootstrap": {"description": "host:port, as `qianbei connection` prints it"}}
    if servers.registry is not None:
        vendor = {"schemaRegistryVendor": "confluent", "bindingVersion": BINDING}
        found["bindings"] = {"kafka": {"schemaRegistryUrl": servers.registry, **vendor}}
    return found


# --- one topic, as one program uses it ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Part:
    """A channel with its operation and messages."""

    principal: str
    topic: str
    action: str
    title: str
    summary: str
    messages: Mapping[str, Json]
    extensions: Mapping[str, Any]

    @property
    def operation_id(self) -> str:
        return f"{self.action}.{self.topic}"

    def channel(self, exchange: _Exchange) -> Json:
        """The topic: its messages and its settings."""
        return {
            "address": self.topic,
            "title": self.title,
            "summary": self.summary,
            "servers": [{"$ref": "#/servers/exchange"}],
            "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in self.messages},
            "bindings": {"kafka": _topic_binding(exchange.topics[self.topic], exchange.servers)},
            **self.extensions,
        }

    def operation(self) -> Json:
        """What the program does with it."""
        prefix = group_prefix(self.principal)
        client: Json = {"clientId": {"type": "string", "description": "any name of yours"}}
        if self.action == "receive":
            rule = f"begins with {prefix}; other groups are refused"
            client["groupId"] = {
                "type": "string",
                "pattern": f"^{prefix.replace('.', chr(92) + '.')}",
                "description": rule,
            }
        return {
            "action": self.action,
            "channel": {"$ref": f"#/channels/{self.topic}"},
            "title": self.title,
            "messages": [{"$ref": f"#/channels/{self.topic}/messages/{name}"} for name in self.messages],
            "bindings": {"kafka": client | {"bindingVersion": BINDING}},
        }


def _topic_binding(topic: TopicSpec, servers: Servers) -> Json:
    config = topic.config(replication=1)
    found: Json = {
        "topic": topic.name,
        "topicConfiguration": {
            "cleanup.policy": [config["cleanup.policy"]],
            "retention.ms": int(config["retention.ms"]),
            "max.message.bytes": int(config["max.message.bytes"]),
        },
        "bindingVersion": BINDING,
    }
    return found | ({} if servers.partitions is None else {"partitions": servers.partitions})


def _parts(exchange: _Exchange, principal: str) -> Iterator[_Part]:
    for topic in exchange.topics.values():
        if topic.principal != principal:
            continue
        if topic.kind == "dept":
            yield _received(exchange, exchange.grants[topic.name], topic)
        elif topic.kind == "decision":
            yield _answered(topic)
        elif topic.kind == "intake" and exchange.catalogue.principal(principal).sends:
            yield _sent(exchange, topic)


def _received(exchange: _Exchange, grant: Grant, topic: TopicSpec) -> _Part:
    subject, terms = exchange.catalogue.subject(grant.subject), grant.terms
    left = (LEFT,) if terms.rows is Rows.INTERESTED else ()
    schema = grant.schema(newest_schemas()[grant.subject])
    title = f"{subject.zh} {subject.en}"
    message = _message(topic.name, title, schema, key="entity_id", strategy="TopicNameStrategy")
    headers = _headers(grant.subject, (*subject.event_types, *left))
    return _Part(
        grant.department,
        topic.name,
        "receive",
        title,
        f"{terms.purpose.zh}。{terms.purpose.en}.",
        {topic.name: message | {"headers": headers}},
        {
            "x-legal-basis": terms.legal_basis,
            "x-purpose": {"zh": terms.purpose.zh, "en": terms.purpose.en},
            "x-rows": terms.rows.value,
            "x-registry-subject": topic_subject(topic.name, grant.subject).name,
        },
    )


def _answered(topic: TopicSpec) -> _Part:
    assert topic.principal is not None
    schema = load_schema("decision", latest_version("decision"))
    title = "受理结果 Decisions"
    message = _message(topic.name, title, schema, key="entity_id", strategy="TopicNameStrategy")
    summary = "每条报送记录的受理结果与理由。What was decided of each record that you sent, with reasons."
    about = {"x-registry-subject": topic_subject(topic.name, "decision").name}
    return _Part(topic.principal, topic.name, "receive", title, summary, {topic.name: message}, about)


def _sent(exchange: _Exchange, topic: TopicSpec) -> _Part:
    assert topic.principal is not None
    messages = {}
    for name, event_types in sorted(exchange.catalogue.principal(topic.principal).sends.items()):
        subject = exchange.catalogue.subject(name)
        schema = load_schema(name, latest_version(name))
        message = f"{topic.name}.{name}"
        messages[message] = _message(
            message,
            f"{subject.zh} {subject.en}",
            schema,
            key=subject.key.value,
            strategy="RecordNameStrategy",
        ) | {
            "x-event-types": _event_types(exchange, name, sorted(event_types)),
            "x-registry-subject": intake_subject(name).name,
        }
    summary = "报送入口；分区为键的 murmur2。Where you send; the partition is murmur2 of the key."
    return _Part(topic.principal, topic.name, "send", "报送 Intake", summary, messages, {})


def _event_types(exchange: _Exchange, subject: str, names: Iterable[str]) -> Json:
    found = exchange.catalogue.subject(subject)
    return {name: {"zh": found.transition(name).zh, "en": found.transition(name).en} for name in names}


# --- messages -------------------------------------------------------------------------------------------------------


def _message(name: str, title: str, schema: Json, *, key: str, strategy: str) -> Json:
    return {
        "name": name,
        "title": title,
        "contentType": CONTENT_TYPE,
        "payload": {"schemaFormat": AVRO, "schema": schema},
        "bindings": {
            "kafka": {
                "key": {"type": "string", "description": f"{key}, UTF-8"},
                "schemaIdLocation": "payload",
                "schemaIdPayloadEncoding": "confluent",
                "schemaLookupStrategy": strategy,
                "bindingVersion": BINDING,
            }
        },
    }


def _headers(subject: str, event_types: Iterable[str]) -> Json:
    """CloudEvents 1.0 in binary mode, and the revision; values are UTF-8."""
    texts: dict[str, Json] = {
        "ce_specversion": {"const": "1.0"},
        "ce_id": {"description": "事件标识 The event's id", "format": "uuid"},
        "ce_source": {"description": "来源单位 qianbei:<source>", "pattern": "^qianbei:"},
        "ce_type": {"enum": [f"cn.qianbei.{subject}.{name}" for name in event_types]},
        "ce_time": {"description": "发生时间 When it occurred; absent on LEFT", "format": "date-time"},
        "ce_subject": {"description": "实体标识 The entity's id"},
        "content-type": {"const": CONTENT_TYPE},
        "qb_revision": {
            "description": "修订号，按此排序 The revision, to order by",
            "pattern": "^[1-9][0-9]*$",
        },
    }
    return {
        "type": "object",
        "properties": {name: {"type": "string", **rule} for name, rule in texts.items()},
        "required": [name for name in texts if name != "ce_time"],
    }
