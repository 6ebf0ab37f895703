"""``qianbei connection``: all that a client of one principal needs, in the form that its tools take."""

import json
import shlex
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from broker.deploy import installation_topics
from broker.errors import ConfigError
from broker.topics import INTERNAL, TopicSpec, decision_topic, group_prefix, intake_topic
from qianbei.site import Site
from qianbei.stack.line import TRUSTED, keystore_name
from schemas.said import said

MECHANISM = "SCRAM-SHA-256"


@dataclass(frozen=True, slots=True)
class ClientConnection:
    """What a principal's client is given. Holds its password."""

    principal: str
    bootstrap_servers: str
    security_protocol: str
    sasl_mechanism: str
    username: str
    password: str
    ca_file: str | None
    schema_registry_url: str
    intake_topic: str
    decision_topic: str
    dept_topics: tuple[str, ...]
    group_prefix: str
    partitions: int
    sends: Mapping[str, tuple[str, ...]]
    front_doors: tuple[str, ...] = ()
    cert_file: str | None = None
    key_file: str | None = None
    keystore_file: str | None = None


def over_line(c: ClientConnection, address: str, folder: Path) -> ClientConnection:
    """The same client over the dedicated line: by its certificate in ``folder``, and without a password.

    Raises ConfigError if that was not issued.
    """
    names = (TRUSTED, f"{c.principal}.pem", f"{c.principal}.key", keystore_name(c.principal))
    for name in names:
        if not (folder / name).is_file():
            raise ConfigError(
                said(
                    "there is no {path}: run `qianbei line issue {principal}`",
                    path=folder / name,
                    principal=c.principal,
                )
            )
    ca, cert, key, keystore = (str((folder / name).absolute()) for name in names)
    return replace(
        c,
        bootstrap_servers=address,
        security_protocol="SSL",
        sasl_mechanism="",
        password="",
        ca_file=ca,
        cert_file=cert,
        key_file=key,
        keystore_file=keystore,
    )


def client_connection(site: Site, principal: str) -> ClientConnection:
    """Raises ConfigError for a name that is no principal, or one that was never deployed here."""
    installation = site.admin.installation()
    catalogue = installation.catalogue
    if principal in catalogue.principals and principal not in (*catalogue.members, INTERNAL):
        raise ConfigError(
            said("{principal} is revoked; `qianbei grant {principal}` grants it again", principal=principal)
        )
    if principal not in catalogue.members:
        raise ConfigError(
            said(
                "there is no principal {principal}; there are {members}",
                principal=principal,
                members=", ".join(sorted(catalogue.members)),
            )
        )
    topics = installation_topics(installation)
    admin = site.admin
    return ClientConnection(
        principal=principal,
        bootstrap_servers=admin.kafka_bootstrap,
        security_protocol=admin.kafka_security,
        sasl_mechanism=MECHANISM,
        username=principal,
        password=site.kafka_password(principal),
        ca_file=_absolute(admin.kafka_cafile),
        schema_registry_url=admin.registry_url,
        intake_topic=intake_topic(principal),
        decision_topic=decision_topic(principal),
        dept_topics=_dept_topics(topics, principal),
        group_prefix=group_prefix(principal),
        partitions=admin.slots,
        sends={s: tuple(sorted(types)) for s, types in sorted(catalogue.principal(principal).sends.items())},
        front_doors=site.front_doors(),
    )


def _dept_topics(topics: Iterable[TopicSpec], principal: str) -> tuple[str, ...]:
    """Its own feedback last: examples show the first, which is to be what others send."""
    own = (t for t in topics if t.kind == "dept" and t.principal == principal)
    return tuple(t.name for t in sorted(own, key=lambda t: (t.subject == "feedback", t.name)))


def _absolute(path: Path | None) -> str | None:
    return None if path is None else str(path.absolute())


# --- formats --------------------------------------------------------------------------------------------------------


def variables_of(c: ClientConnection) -> dict[str, str]:
    """The variables of ``as_env``, as a child process is given them."""
    variables = {
        "QIANBEI_KAFKA_BOOTSTRAP": c.bootstrap_servers,
        "QIANBEI_KAFKA_SECURITY": c.security_protocol,
        "QIANBEI_KAFKA_SASL_MECHANISM": c.sasl_mechanism or None,
        "QIANBEI_KAFKA_USERNAME": c.username,
        "QIANBEI_KAFKA_PASSWORD": c.password or None,
        "QIANBEI_KAFKA_CAFILE": c.ca_file,
        "QIANBEI_KAFKA_CERTFILE": c.cert_file,
        "QIANBEI_KAFKA_KEYFILE": c.key_file,
        "SCHEMA_REGISTRY_URL": c.schema_registry_url,
        "QIANBEI_SLOTS": str(c.partitions),
        "QIANBEI_INTAKE_TOPIC": c.intake_topic,
        "QIANBEI_DECISION_TOPIC": c.decision_topic,
        "QIANBEI_DEPT_TOPICS": ",".join(c.dept_topics),
        "QIANBEI_GROUP_PREFIX": c.group_prefix,
        "QIANBEI_FRONT_DOOR": ",".join(c.front_doors) or None,
    }
    return {name: value for name, value in variables.items() if value is not None}


def as_env(c: ClientConnection) -> str:
    """Variables, one a line, for ``set -a; . FILE`` and for ``docker run --env-file``."""
    variables = variables_of(c).items()
    return "\n".join(f"{name}={shlex.quote(value) if value else ''}" for name, value in variables)


def as_json(c: ClientConnection) -> str:
    """One JSON object."""
    return json.dumps(asdict(c), ensure_ascii=False, indent=2)


def as_kcat(c: ClientConnection) -> str:
    """A configuration file for ``kcat -F``, with the commands that use it."""
    example = c.dept_topics[0] if c.dept_topics else c.decision_topic
    tls = [f"ssl.ca.location={c.ca_file}"] if c.ca_file else []
    if c.cert_file:
        tls += [f"ssl.certificate.location={c.cert_file}", f"ssl.key.location={c.key_file}"]
    return "\n".join(
        [
            f"# kcat for {c.principal}. Write this to a file of mode 0600, here {c.principal}.conf.",
            f"# Read as a member of a group:  kcat -F {c.principal}.conf -G {c.group_prefix}kcat {example}",
            f"# Keys, headers and places:     kcat -F {c.principal}.conf -C -t {example} -o beginning -e \\",
            r"#                                    -f '%t/%p/%o %k %h\n'",
            f"# Topics to read: {', '.join((*c.dept_topics, c.decision_topic))}",
            f"# Topic to write: {c.intake_topic} (the partition must be murmur2 of the key; librdkafka's own default is not)",
            "# Values are Avro in Confluent's wire format, which kcat passes through as bytes.",
            "# kcat must run on librdkafka 2.6.1 or newer (kcat -V): older ones cannot log in to Kafka 4 by SCRAM.",
            f"bootstrap.servers={c.bootstrap_servers}",
            f"security.protocol={c.security_protocol}",
            *(_librdkafka_login(c) if c.security_protocol.startswith("SASL") else ()),
            *tls,
            "isolation.level=read_committed",
            "auto.offset.reset=earliest",
            "partitioner=murmur2_random",
        ]
    )


def _librdkafka_login(c: ClientConnection) -> list[str]:
    return [
        f"sasl.mechanisms={c.sasl_mechanism}",
        f"sasl.username={c.username}",
        f"sasl.password={c.password}",
    ]


def as_java(c: ClientConnection) -> str:
    """A properties file for Kafka's Java clients with Confluent's Avro (de)serialisers."""
    login = "org.apache.kafka.common.security.scram.ScramLoginModule"
    jaas = f'{login} required username="{c.username}" password="{c.password}";'
    sasl = [f"sasl.mechanism={c.sasl_mechanism}", f"sasl.jaas.config={jaas}"]
    tls = [f"ssl.truststore.location={c.ca_file}", "ssl.truststore.type=PEM"] if c.ca_file else []
    if c.keystore_file:
        tls += [f"ssl.keystore.location={c.keystore_file}", "ssl.keystore.type=PEM"]
    return "\n".join(
        [
            f"# Kafka's Java client for {c.principal}. Keep it in a file of mode 0600.",
            f"# Topics to read: {', '.join((*c.dept_topics, c.decision_topic))}",
            f"# Topic to write: {c.intake_topic}",
            "# Leave partitioner.class unset: the default (murmur2 of the key) is what the exchange expects.",
            "# A producer also needs: value.subject.name.strategy="
            "io.confluent.kafka.serializers.subject.RecordNameStrategy",
            f"bootstrap.servers={c.bootstrap_servers}",
            f"security.protocol={c.security_protocol}",
            *(sasl if c.security_protocol.startswith("SASL") else ()),
            *tls,
            f"group.id={c.group_prefix}main",
            "isolation.level=read_committed",
            "auto.offset.reset=earliest",
            "enable.auto.commit=false",
            "enable.idempotence=true",
            "acks=all",
            f"schema.registry.url={c.schema_registry_url}",
            "auto.register.schemas=false",
            "key.serializer=org.apache.kafka.common.serialization.StringSerializer",
            "key.deserializer=org.apache.kafka.common.serialization.StringDeserializer",
            "value.serializer=io.confluent.kafka.serializers.KafkaAvroSerializer",
            "value.deserializer=io.confluent.kafka.serializers.KafkaAvroDeserializer",
        ]
    )


FORMATS: Mapping[str, Callable[[ClientConnection], str]] = {
    "env": as_env,
    "json": as_json,
    "kcat": as_kcat,
    "java": as_java,
}
