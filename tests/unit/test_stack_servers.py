"""What the three servers are started with: safe from the first moment, passwords nowhere that others can see."""

from pathlib import Path

import pytest

from qianbei.stack import StackError, kafka_server, postgres, registry
from qianbei.stack.artifacts import Programs
from qianbei.stack.commands import Command, run_all
from qianbei.stack.environment import clean_environment
from qianbei.stack.home import Home
from qianbei.stack.passwords import Passwords
from qianbei.stack.ports import Ports

PORTS = Ports(20001, 20002, 20003, 20004, 20005)
PASSWORDS = Passwords("kafka-secret", "controller-secret", "postgres-secret", "registry-secret")
PROGRAMS = Programs(Path("/jre/java"), (Path("/jars/a.jar"), Path("/jars/b.jar")), Path("/registry"))


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path / "签备 home")
    home.prepare()
    return home


def test_kafka_denies_by_default_and_knows_one_super_user(home: Home) -> None:
    settings = kafka_server.properties(home, PORTS, PASSWORDS)
    assert settings["authorizer.class.name"].endswith("StandardAuthorizer")
    assert settings["super.users"] == "User:admin"
    assert settings["allow.everyone.if.no.acl.found"] == "false"
    assert settings["auto.create.topics.enable"] == "false"
    assert "PLAINTEXT:" not in settings["listener.security.protocol.map"].replace("SASL_PLAINTEXT", "")
    assert all(host == "127.0.0.1" for host in listening_hosts(settings["listeners"]))


def listening_hosts(listeners: str) -> list[str]:
    return [listener.split("://")[1].split(":")[0] for listener in listeners.split(",")]


def test_no_password_is_on_a_command_line(home: Home) -> None:
    kafka_server.write_configuration(home, PROGRAMS, PORTS, PASSWORDS)
    commands = [
        kafka_server.format_command(home, PROGRAMS, PASSWORDS).argv,
        kafka_server.child(home, PROGRAMS, PORTS).argv,
        postgres.child(home, PORTS).argv,
        registry.child(home, PROGRAMS, PORTS, PASSWORDS).argv,
    ]
    assert "secret" not in " ".join(word for argv in commands for word in argv)


def test_configuration_is_private(home: Home) -> None:
    kafka_server.write_configuration(home, PROGRAMS, PORTS, PASSWORDS)
    kafka_server.format_command(home, PROGRAMS, PASSWORDS)
    assert {path.stat().st_mode & 0o777 for path in home.conf.iterdir()} == {0o600}


def test_java_can_read_a_home_with_chinese_and_blanks(home: Home) -> None:
    kafka_server.write_configuration(home, PROGRAMS, PORTS, PASSWORDS)
    written = (home.conf / "kafka.properties").read_bytes().decode("ascii")
    assert "\\u7b7e\\u5907 home/data/kafka" in written


def test_postgres_listens_on_the_loopback_interface_only(home: Home) -> None:
    argv = postgres.child(home, PORTS).argv
    assert "listen_addresses=127.0.0.1" in argv
    assert "unix_socket_directories=" in argv


def test_data_of_another_major_version_are_refused(home: Home) -> None:
    (home.data / "postgres").mkdir()
    (home.data / "postgres" / "PG_VERSION").write_text("16\n")
    with pytest.raises(StackError, match="Postgres 16, not 18"):
        postgres.is_initialised(home)


def test_the_callers_shell_does_not_change_the_servers(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (
        "PGDATA",
        "PGPORT",
        "CLASSPATH",
        "JAVA_TOOL_OPTIONS",
        "KAFKA_OPTS",
        "QUARKUS_HTTP_PORT",
        "LC_MESSAGES",
    ):
        monkeypatch.setenv(name, "x")
    made = clean_environment(A="b")
    assert "x" not in made.values()
    assert made["A"] == "b"


def test_a_failing_set_up_program_is_told_and_none_is_left(tmp_path: Path) -> None:
    failing = Command("initdb", ("/bin/sh", "-c", "echo no such locale >&2; exit 3"), {}, tmp_path / "a.log")
    lasting = Command("other", ("/bin/sleep", "60"), {}, tmp_path / "b.log")
    with pytest.raises(StackError, match="initdb failed: no such locale"):
        run_all([failing, lasting])


def test_a_set_up_program_that_hangs_is_told(tmp_path: Path) -> None:
    hanging = Command("initdb", ("/bin/sleep", "60"), {}, tmp_path / "a.log", seconds=0.1)
    with pytest.raises(StackError, match="initdb took over"):
        run_all([hanging])
