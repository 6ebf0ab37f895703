"""The embedded stack as it is: real servers, closed to strangers, that come back with their data."""

import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import psycopg
import pytest
from confluent_kafka import KafkaError, KafkaException, Producer
from confluent_kafka.admin import (
    AdminClient,
    NewTopic,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialUpsertion,
)

from qianbei.stack import SERVERS, ChildState, Stack, StackError, embedded_stack, ports
from tests.support.waiting import wait_until

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A running stack, in a home with a hard name where an earlier first start was killed half-way."""
    home = tmp_path_factory.mktemp("stack") / "商丘 签备"
    (home / "data" / "postgres").mkdir(parents=True)
    (home / "data" / "postgres" / "PG_VERSION").write_text("18\n")
    (home / "data" / "kafka").mkdir()
    (home / "data" / "kafka" / "meta.properties").write_text("version=1\n")
    said: list[str] = []
    with embedded_stack(home, said.append) as stack:
        assert any("did not finish" in line for line in said)
        yield stack
        ours = [pid for pid in pids(stack).values() if pid]
    assert [one.state for one in stack.status()] == [ChildState.STOPPED] * 3
    assert [pid for pid in ours if psutil.pid_exists(pid)] == []


def kafka(stack: Stack, **changed: str) -> dict[str, object]:
    env = stack.settings_env()
    return {
        "bootstrap.servers": env["QIANBEI_KAFKA_BOOTSTRAP"],
        "security.protocol": env["QIANBEI_KAFKA_SECURITY"],
        "sasl.mechanism": "SCRAM-SHA-256",
        "sasl.username": env["QIANBEI_KAFKA_USERNAME"],
        "sasl.password": env["QIANBEI_KAFKA_PASSWORD"],
        "log_level": 0,
        **changed,
    }


def pids(stack: Stack) -> dict[str, int | None]:
    return {one.name: one.pid for one in stack.status()}


def make_topic(stack: Stack, name: str) -> None:
    admin = AdminClient(kafka(stack))  # held, for its end cancels what it was asked
    admin.create_topics([NewTopic(name, 4, 1)])[name].result(20)


def test_all_three_run(stack: Stack) -> None:
    assert [one.name for one in stack.status()] == list(SERVERS)
    assert {one.state for one in stack.status()} == {ChildState.RUNNING}
    assert not (stack.places.root / "data.unfinished").exists(), "removed once the first start has finished"


def test_a_second_up_starts_nothing(stack: Stack) -> None:
    before = pids(stack), stack.settings_env()
    stack.up()
    assert (pids(stack), stack.settings_env()) == before


def test_a_running_stack_is_not_taken_over(stack: Stack) -> None:
    with pytest.raises(StackError, match="already runs"), embedded_stack(stack.home):
        pass
    assert {one.state for one in stack.status()} == {ChildState.RUNNING}


def test_the_admin_gets_into_kafka(stack: Stack) -> None:
    make_topic(stack, "admin.topic")
    assert len(AdminClient(kafka(stack)).list_topics(timeout=20).topics["admin.topic"].partitions) == 4


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"sasl.password": "wrong"}, KafkaError._AUTHENTICATION),
        ({"sasl.username": "nobody"}, KafkaError._AUTHENTICATION),
        ({"sasl.mechanism": "PLAIN"}, KafkaError._AUTHENTICATION),
        ({"security.protocol": "PLAINTEXT"}, KafkaError._ALL_BROKERS_DOWN),
    ],
)
def test_others_do_not_get_into_kafka(stack: Stack, changed: dict[str, str], code: int) -> None:
    assert_refused(kafka(stack, **changed), code)


def test_nobody_gets_into_the_controller_without_its_password(stack: Stack) -> None:
    controller = ports.load_or_choose(stack.places.ports).kafka_controller
    wrong = kafka(stack, **{"sasl.mechanism": "PLAIN", "bootstrap.servers": f"127.0.0.1:{controller}"})
    assert_refused(wrong, KafkaError._AUTHENTICATION)
    # DescribeCluster, version 0, without a login: librdkafka would not send it to a controller.
    request = bytes.fromhex("003c 0000 00000001 ffff 00 00 00")
    with socket.create_connection(("127.0.0.1", controller), timeout=10) as connection:
        connection.sendall(len(request).to_bytes(4, "big") + request)
        assert connection.recv(100) == b"", "it hangs up without an answer"


def assert_refused(settings: dict[str, object], code: int) -> None:
    errors: list[int] = []
    client = AdminClient(settings | {"error_cb": lambda error: errors.append(error.code())})
    wait_until(lambda: client.poll(0) >= 0 and code in errors)
    with pytest.raises(KafkaException):
        client.list_topics(timeout=0.2)


def test_a_user_without_rights_can_do_nothing(stack: Stack) -> None:
    make_topic(stack, "closed.topic")
    admin = AdminClient(kafka(stack))
    credential = UserScramCredentialUpsertion(
        "stranger", ScramCredentialInfo(ScramMechanism.SCRAM_SHA_256, 4096), b"pw"
    )
    admin.alter_user_scram_credentials([credential])["stranger"].result(20)
    stranger = kafka(stack, **{"sasl.username": "stranger", "sasl.password": "pw"})
    assert AdminClient(stranger).list_topics(timeout=20).topics == {}
    failures: list[KafkaError] = []
    producer = Producer(stranger)
    producer.produce("closed.topic", b"x", on_delivery=lambda error, _message: failures.append(error))
    producer.flush(20)
    assert [error.code() for error in failures] == [KafkaError.TOPIC_AUTHORIZATION_FAILED]


def test_a_topic_is_not_made_by_asking_for_it(stack: Stack) -> None:
    failures: list[KafkaError] = []
    producer = Producer(kafka(stack, **{"message.timeout.ms": "1500"}))
    producer.produce("no.such.topic", b"x", on_delivery=lambda error, _message: failures.append(error))
    producer.flush(20)
    assert failures[0] is not None
    assert "no.such.topic" not in AdminClient(kafka(stack)).list_topics(timeout=20).topics


def test_a_record_of_more_than_a_megabyte_arrives(stack: Stack) -> None:
    make_topic(stack, "large.topic")
    failures: list[KafkaError | None] = []
    producer = Producer(kafka(stack) | {"message.max.bytes": 3 * 1024**2})
    producer.produce(
        "large.topic", b"x" * (3 * 1024**2 // 2), on_delivery=lambda error, _message: failures.append(error)
    )
    producer.flush(20)
    assert failures == [None]


def test_postgres_wants_the_password(stack: Stack) -> None:
    dsn = stack.settings_env()["QIANBEI_POSTGRES_DSN"]
    with psycopg.connect(dsn) as connection:
        assert connection.info.dbname == "qianbei"
        assert connection.info.server_version // 10_000 == 18
        assert connection.execute("SHOW password_encryption").fetchone() == ("scram-sha-256",)
        assert connection.execute(
            "SELECT datcollate FROM pg_database WHERE datname = 'qianbei'"
        ).fetchone() == ("C",)
    for password in ("wrong", ""):
        with pytest.raises(psycopg.OperationalError), psycopg.connect(dsn, password=password):
            pass


def test_the_registry_knows_only_its_own_database(stack: Stack) -> None:
    dsn = stack.settings_env()["QIANBEI_POSTGRES_DSN"]
    with psycopg.connect(dsn) as connection:
        allowed = connection.execute(
            "SELECT datname FROM pg_database WHERE has_database_privilege('registry', datname, 'connect') AND NOT datistemplate"
        ).fetchall()
    assert {name for (name,) in allowed} == {"postgres", "registry"}


def test_the_registry_answers(stack: Stack) -> None:
    add_schema(stack, "a-value")
    assert "a-value" in subjects(stack)


def add_schema(stack: Stack, subject: str) -> None:
    url = f"{stack.settings_env()['SCHEMA_REGISTRY_URL']}/subjects/{subject}/versions"
    assert httpx.post(url, json={"schema": '"string"'}, timeout=20).status_code == 200


def subjects(stack: Stack) -> list[str]:
    return httpx.get(f"{stack.settings_env()['SCHEMA_REGISTRY_URL']}/subjects", timeout=20).json()


def test_servers_listen_on_the_loopback_interface_only(stack: Stack) -> None:
    for pid in pids(stack).values():
        listening = [
            one for one in psutil.Process(pid).net_connections("inet") if one.status == psutil.CONN_LISTEN
        ]
        assert listening
        assert {one.laddr[0].removeprefix("::ffff:") for one in listening} == {"127.0.0.1"}


@pytest.mark.parametrize("name", SERVERS)
def test_a_killed_server_is_reported_and_comes_back_with_its_data(stack: Stack, name: str) -> None:
    make_topic(stack, f"before.{name}")
    add_schema(stack, f"before.{name}")
    before = pids(stack)
    psutil.Process(before[name]).kill()
    wait_until(lambda: state(stack, name) is ChildState.DIED)
    assert {one.name for one in stack.status() if one.state is not ChildState.DIED} == set(SERVERS) - {name}
    stack.up()
    after = pids(stack)
    assert {one for one in SERVERS if before[one] != after[one]} == {name}
    assert f"before.{name}" in AdminClient(kafka(stack)).list_topics(timeout=20).topics
    assert f"before.{name}" in subjects(stack)


def state(stack: Stack, name: str) -> ChildState:
    return next(one.state for one in stack.status() if one.name == name)


def test_a_port_that_was_taken_meanwhile_is_told_and_nothing_is_left(stack: Stack) -> None:
    """Last on this stack: it stops it and starts it again."""
    stack.down()
    port = ports.load_or_choose(stack.places.ports).registry
    with (
        socket.create_server(("127.0.0.1", port)),
        pytest.raises(StackError, match="port of registry is taken"),
    ):
        stack.up()
    assert {one.state for one in stack.status()} == {ChildState.STOPPED}
    stack.up()


# --- the end of the program that started it


CODE = """if True:
    import pathlib, signal, sys
    from qianbei.stack import embedded_stack
    # Whoever is started in the background of a shell would ignore it.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    def say(line): print(line, flush=True)
    with embedded_stack(pathlib.Path(sys.argv[1]), say):
        print("ready", flush=True)
        signal.pause()
"""


@pytest.fixture(scope="module")
def shared_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("ended")


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells children of their parent's death")
@pytest.mark.parametrize(
    ("word", "number"),
    [
        ("starting kafka", signal.SIGKILL),
        ("starting kafka", signal.SIGTERM),
        ("ready", signal.SIGKILL),
        ("ready", signal.SIGINT),
    ],
)
def test_nothing_is_left_when_the_program_is_ended(
    shared_home: Path, number: signal.Signals, word: str
) -> None:
    """While the servers start and after; each start has to cope with what the end before it left."""
    command = [sys.executable, "-c", CODE, str(shared_home)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=REPOSITORY, text=True
    ) as program:
        assert program.stdout is not None
        said: list[str] = []
        assert any(said.append(line) or word in line for line in program.stdout), "".join(said)
        program.send_signal(number)
    wait_until(lambda: processes_of(shared_home) == [], seconds=30)
    if number is not signal.SIGKILL:
        assert {one.state for one in Stack(shared_home).status()} == {ChildState.STOPPED}


def processes_of(home: Path) -> list[str]:
    """Whatever mentions the home in its command or works in it."""
    return [found for process in psutil.process_iter() if (found := describe(process, str(home)))]


def describe(process: psutil.Process, home: str) -> str:
    try:
        words = " ".join(process.cmdline())
        return words if home in words or process.cwd().startswith(home) else ""
    except psutil.Error:
        return ""
