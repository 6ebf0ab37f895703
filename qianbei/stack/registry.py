"""Apicurio Registry as a child, with its store in a Postgres database of its own. It speaks the Confluent
REST API."""

from qianbei.stack.artifacts import Programs
from qianbei.stack.children import Child
from qianbei.stack.environment import clean_environment
from qianbei.stack.home import Home
from qianbei.stack.passwords import Passwords
from qianbei.stack.ports import Ports
from qianbei.stack.probes import LOOPBACK, all_of, http_ok, tcp

NAME = "registry"
DATABASE = "registry"
ROLE = "registry"
API = "/apis/ccompat/v7"

JVM = ("-Xms64m", "-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:+ExitOnOutOfMemoryError")


def environment(ports: Ports, passwords: Passwords) -> dict[str, str]:
    """Its settings; the password travels in the environment, which other users cannot read."""
    return clean_environment(
        APICURIO_STORAGE_KIND="sql",
        APICURIO_STORAGE_SQL_KIND="postgresql",
        APICURIO_DATASOURCE_URL=f"jdbc:postgresql://{LOOPBACK}:{ports.postgres}/{DATABASE}",
        APICURIO_DATASOURCE_USERNAME=ROLE,
        APICURIO_DATASOURCE_PASSWORD=passwords.registry_database,
        APICURIO_DATASOURCE_JDBC_INITIAL_SIZE="1",
        APICURIO_DATASOURCE_JDBC_MIN_SIZE="1",
        APICURIO_DATASOURCE_JDBC_MAX_SIZE="8",
        QUARKUS_HTTP_HOST=LOOPBACK,
        QUARKUS_HTTP_PORT=str(ports.registry),
        QUARKUS_HTTP_ACCESS_LOG_ENABLED="false",
        QUARKUS_MANAGEMENT_HOST=LOOPBACK,
        QUARKUS_MANAGEMENT_PORT=str(ports.registry_management),
        QUARKUS_OTEL_SDK_DISABLED="true",
    )


def url(ports: Ports) -> str:
    """For clients of the Confluent API."""
    return f"http://{LOOPBACK}:{ports.registry}{API}"


def child(home: Home, programs: Programs, ports: Ports, passwords: Passwords) -> Child:
    """The running registry. It needs Postgres from its first moment."""
    work = home.data / NAME
    work.mkdir(mode=0o700, exist_ok=True)
    return Child(
        name=NAME,
        argv=(
            str(programs.java),
            *JVM,
            f"-Djava.io.tmpdir={home.tmp}",
            "-jar",
            str(programs.registry / "quarkus-run.jar"),
        ),
        env=environment(ports, passwords),
        cwd=work,
        ready=all_of(tcp(ports.registry), http_ok(ports.registry, f"{API}/subjects")),
        ready_seconds=120,
        grace_seconds=15,
        port=ports.registry,
    )
