"""Kafka as a child: one KRaft node that is broker and controller.

Security, from the first start: clients log in by SCRAM-SHA-256, the controller's listener by PLAIN with a
password that no client has; both listen on the loopback interface only. The StandardAuthorizer denies what no
ACL allows; `admin` alone is a super user. Passwords reach Java in files of mode 0600, never on a command
line.
"""

import signal
import uuid
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from pathlib import Path

from qianbei.stack.artifacts import Programs
from qianbei.stack.children import Child
from qianbei.stack.commands import Command
from qianbei.stack.environment import clean_environment
from qianbei.stack.home import Home, write_private
from qianbei.stack.line import Line
from qianbei.stack.passwords import Passwords
from qianbei.stack.ports import Ports
from qianbei.stack.probes import LOOPBACK, all_of, log_says, tcp

NAME = "kafka"
ADMIN = "admin"
MIB = 1024**2

# A combined node of ~400 partitions fits in this heap; the compiler is left at full strength, since the
# broker is on the hot path.
SERVER_JVM = (
    "-Xms256m",
    "-Xmx640m",
    "-XX:+UseSerialGC",
    "-XX:+ExitOnOutOfMemoryError",
    "-XX:MaxDirectMemorySize=128m",
)
TOOL_JVM = ("-Xmx128m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
# The last two silence warnings about what Kafka's libraries do; they would hide the line that matters at a
# log's end.
COMMON_JVM = (
    "-Djava.awt.headless=true",
    "--enable-native-access=ALL-UNNAMED",
    "--sun-misc-unsafe-memory-access=allow",
)

STARTED = "Kafka Server started"

LOGGING = """\
# Warnings, and the one line that says that the server has started.
status=error
appender.out.type=Console
appender.out.name=out
appender.out.layout.type=PatternLayout
appender.out.layout.pattern=%d{ISO8601} %p %m (%c{1})%n%throwable{20}
rootLogger.level=warn
rootLogger.appenderRef.out.ref=out
logger.server.name=kafka.server.KafkaRaftServer
logger.server.level=info
"""


def data_dir(home: Home) -> Path:
    return home.data / NAME


def _jaas(module: str, **options: str) -> str:
    words = " ".join(f'{name}="{value}"' for name, value in options.items())
    return f"org.apache.kafka.common.security.{module} required {words};"


def properties(home: Home, ports: Ports, passwords: Passwords, line: Line | None = None) -> dict[str, str]:
    """The node's configuration; with ``line``, another listener for those who come over a dedicated line."""
    scram = _jaas("scram.ScramLoginModule", username=ADMIN, password=passwords.kafka_admin)
    shared = passwords.kafka_controller
    plain = _jaas("plain.PlainLoginModule", username=ADMIN, password=shared, **{f"user_{ADMIN}": shared})
    return {
        "process.roles": "broker,controller",
        "node.id": "1",
        "controller.quorum.voters": f"1@{LOOPBACK}:{ports.kafka_controller}",
        "listeners": f"CLIENT://{LOOPBACK}:{ports.kafka},CONTROLLER://{LOOPBACK}:{ports.kafka_controller}",
        "advertised.listeners": f"CLIENT://{LOOPBACK}:{ports.kafka}",
        "listener.security.protocol.map": "CLIENT:SASL_PLAINTEXT,CONTROLLER:SASL_PLAINTEXT",
        "inter.broker.listener.name": "CLIENT",
        "controller.listener.names": "CONTROLLER",
        "sasl.mechanism.inter.broker.protocol": "SCRAM-SHA-256",
        "sasl.mechanism.controller.protocol": "PLAIN",
        "listener.name.client.sasl.enabled.mechanisms": "SCRAM-SHA-256",
        "listener.name.client.scram-sha-256.sasl.jaas.config": scram,
        "listener.name.controller.sasl.enabled.mechanisms": "PLAIN",
        "listener.name.controller.plain.sasl.jaas.config": plain,
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "super.users": f"User:{ADMIN}",
        "allow.everyone.if.no.acl.found": "false",
        "log.dirs": str(data_dir(home)),
        **TOPIC_DEFAULTS,
        **COORDINATORS,
        **NODE,
        **(_line_properties(ports, line) if line else {}),
    }


def _line_properties(ports: Ports, line: Line) -> dict[str, str]:
    client, controller = f"{LOOPBACK}:{ports.kafka}", f"{LOOPBACK}:{ports.kafka_controller}"
    return {
        "listeners": f"CLIENT://{client},CONTROLLER://{controller},LINE://{line.address}",
        "advertised.listeners": f"CLIENT://{client},LINE://{line.address}",
        "listener.security.protocol.map": "CLIENT:SASL_PLAINTEXT,CONTROLLER:SASL_PLAINTEXT,LINE:SSL",
        "listener.name.line.ssl.keystore.type": "PEM",
        "listener.name.line.ssl.keystore.location": str(line.keystore),
        "listener.name.line.ssl.truststore.type": "PEM",
        "listener.name.line.ssl.truststore.location": str(line.truststore),
        **LINE_RULES,
    }


LINE_RULES: Mapping[str, str] = {
    "listener.name.line.ssl.client.auth": "required",
    "listener.name.line.ssl.enabled.protocols": "TLSv1.3,TLSv1.2",
    # The certificate's name is the principal. Neither the super user nor a service (qb-…) can come over the line: a name
    # that matches no rule is refused.
    "listener.name.line.ssl.principal.mapping.rules": (
        f"RULE:^CN=(?!{ADMIN}(,|$))([a-z0-9][a-z0-9.]*)(,.*)?$/$2/"
    ),
}


TOPIC_DEFAULTS: Mapping[str, str] = {
    "auto.create.topics.enable": "false",
    "log.message.timestamp.type": "LogAppendTime",
    "log.retention.ms": "-1",  # topics that forget say so themselves
    "message.max.bytes": str(2 * MIB),  # a 1 MB string must arrive, to be judged and quarantined
    "default.replication.factor": "1",
    "min.insync.replicas": "1",
}

COORDINATORS: Mapping[str, str] = {
    "offsets.topic.replication.factor": "1",
    "offsets.topic.num.partitions": "8",
    # What a group has committed is state of ours: by default it is forgotten a week after its last member left.
    "offsets.retention.minutes": "5256000",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "transaction.state.log.num.partitions": "8",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    "share.coordinator.state.topic.num.partitions": "1",
    "group.initial.rebalance.delay.ms": "100",
    "group.min.session.timeout.ms": "1000",
    "group.consumer.min.session.timeout.ms": "1000",
    "group.consumer.min.heartbeat.interval.ms": "250",
    "group.coordinator.append.linger.ms": "1",  # by default an offset commit waits 5 ms for company
    # How long a dead producer's transaction blocks readers after its time-out.
    "transaction.abort.timed.out.transaction.cleanup.interval.ms": "1000",
}

NODE: Mapping[str, str] = {
    # After a crash the node waits for the session of the one before to end; the default is 9 s.
    "broker.session.timeout.ms": "5000",
    "broker.heartbeat.interval.ms": "1000",
    "num.network.threads": "2",
    "num.io.threads": "4",
    "num.recovery.threads.per.data.dir": "2",
    "log.segment.bytes": str(128 * MIB),
    "log.index.size.max.bytes": str(MIB),  # each of ~400 partitions reserves two of these
    "log.cleaner.dedupe.buffer.size": str(16 * MIB),
    "log.cleaner.io.buffer.size": str(MIB // 4),
    "socket.request.max.bytes": str(
        32 * MIB
    ),  # read before the login: a hostile length must not empty the heap
}


def write_configuration(
    home: Home, programs: Programs, ports: Ports, passwords: Passwords, line: Line | None = None
) -> None:
    """Write the node's files anew: ports or versions may have changed since the last start."""
    settings = properties(home, ports, passwords, line)
    lines = (f"{name}={_escape(value)}" for name, value in settings.items())
    write_private(home.conf / "kafka.properties", "\n".join(lines) + "\n")
    write_private(home.conf / "kafka-log4j2.properties", LOGGING)
    _write_arguments(
        home, programs, "kafka-server", SERVER_JVM, ("kafka.Kafka", str(home.conf / "kafka.properties"))
    )


def _write_arguments(
    home: Home, programs: Programs, name: str, jvm: tuple[str, ...], main: tuple[str, ...]
) -> None:
    """A Java argument file: keeps passwords, and a classpath of 46 jars, out of the process list."""
    classpath = ":".join(str(jar) for jar in programs.kafka_classpath)
    logging = f"-Dlog4j2.configurationFile={home.conf / 'kafka-log4j2.properties'}"
    words = (*jvm, *COMMON_JVM, f"-Djava.io.tmpdir={home.tmp}", logging, "-cp", classpath, *main)
    write_private(home.conf / f"{name}.args", "\n".join(_quote(word) for word in words) + "\n")


def _escape(value: str) -> str:
    """Java reads such files as Latin-1, with \\uXXXX for the rest: a home under 商丘/ must work."""
    units = value.replace("\\", "\\\\").encode("utf-16-be")
    words = (int.from_bytes(units[at : at + 2], "big") for at in range(0, len(units), 2))
    return "".join(chr(word) if word < 0x7F else f"\\u{word:04x}" for word in words)


def _quote(word: str) -> str:
    escaped = word.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def listens_as(home: Home, ports: Ports, line: Line | None) -> bool:
    """Whether the configuration that was written last has this line, or none."""
    listeners = f",LINE://{line.address}" if line else f":{ports.kafka_controller}"
    try:
        written = (home.conf / "kafka.properties").read_text(encoding="latin-1").splitlines()
    except FileNotFoundError:
        return True
    return any(text.startswith("listeners=") and text.endswith(listeners) for text in written)


def is_formatted(home: Home) -> bool:
    return (data_dir(home) / "meta.properties").exists()


def format_command(home: Home, programs: Programs, passwords: Passwords) -> Command:
    """What `kafka-storage format` does: name the cluster and put in the first SCRAM user."""
    cluster = urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
    scram = f"SCRAM-SHA-256=[name={ADMIN},password={passwords.kafka_admin}]"
    arguments = (
        "format",
        f"--cluster-id={cluster}",
        f"--config={home.conf / 'kafka.properties'}",
        f"--add-scram={scram}",
    )
    _write_arguments(home, programs, "kafka-format", TOOL_JVM, ("kafka.tools.StorageTool", *arguments))
    argv = (str(programs.java), f"@{home.conf / 'kafka-format.args'}")
    return Command("formatting Kafka's storage", argv, clean_environment(), home.log / "kafka-format.log")


def child(home: Home, programs: Programs, ports: Ports, line: Line | None = None) -> Child:
    """The running node."""
    probes = [log_says(STARTED), tcp(ports.kafka), *([tcp(line.port, line.host)] if line else [])]
    return Child(
        name=NAME,
        argv=(str(programs.java), f"@{home.conf / 'kafka-server.args'}"),
        env=clean_environment(),
        cwd=home.conf,
        ready=all_of(*probes),
        ready_seconds=90,
        grace_seconds=30,
        stop_signal=signal.SIGTERM,
        port=ports.kafka,
    )
