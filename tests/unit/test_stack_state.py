"""What a home remembers between starts, and what happens when it is damaged, half-made or in the way."""

import errno
import json
import os
import shutil
import socket
import stat
import threading
from pathlib import Path
from typing import NamedTuple

import pytest

from qianbei.stack import Stack, StackError, disk, home_from_env, passwords, ports
from qianbei.stack.home import Home, read_json, write_private
from qianbei.stack.locks import held
from qianbei.stack.logs import end_of_log


class Usage(NamedTuple):
    total: int
    used: int
    free: int


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path / "home")
    home.prepare()
    return home


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


# --- the home


def test_the_home_is_beside_the_work_unless_the_environment_names_one(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    assert home_from_env({}) == tmp_path / ".qianbei"
    assert home_from_env({"QIANBEI_HOME": "/srv/qianbei"}) == Path("/srv/qianbei")
    assert home_from_env({"QIANBEI_HOME": "~/q"}) == Path.home() / "q"


def test_nobody_else_can_read_it(home: Home) -> None:
    passwords.load_or_make(home)
    assert mode(home.secrets) == 0o600
    for private in (home.secrets.parent, home.conf, home.run, home.log):
        assert mode(private) == 0o700
    assert mode(home.root) in {0o700, 0o711}


def test_a_path_that_kafka_would_take_for_a_list_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StackError, match="comma"):
        Home(tmp_path / "a,b").prepare()


def test_writing_replaces_in_one_step_and_leaves_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_private(path, "one")
    write_private(path, "two")
    assert path.read_text() == "two"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("content", [b"{", b"[]", b"\xff\xfe"])
def test_a_damaged_state_file_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "state.json"
    path.write_bytes(content)
    with pytest.raises(StackError, match="damaged") as raised:
        read_json(path)
    assert raised.value.where == str(path)


# --- a first start that did not finish


def test_data_without_a_marker_are_set_aside(home: Home) -> None:
    (home.data / "kafka").mkdir()
    assert home.set_aside_unfinished()
    assert list(home.data.iterdir()) == []
    assert (home.root / "data.unfinished" / "kafka").is_dir()


def test_data_with_a_marker_are_never_touched(home: Home) -> None:
    (home.data / "kafka").mkdir()
    home.mark_ready({})
    assert not home.set_aside_unfinished()
    assert (home.data / "kafka").is_dir()


def test_a_new_home_has_nothing_to_set_aside(home: Home) -> None:
    assert not home.set_aside_unfinished()


def test_the_marker_of_another_version_is_refused(home: Home) -> None:
    home.marker.write_text(json.dumps({"format": 99}))
    with pytest.raises(StackError, match="another version"):
        home.is_ready()


def test_before_the_first_start_there_are_no_settings(tmp_path: Path) -> None:
    with pytest.raises(StackError, match="has not been started"):
        Stack(tmp_path / "none").settings_env()


def test_down_and_status_of_nothing(tmp_path: Path) -> None:
    stack = Stack(tmp_path / "none")
    stack.down()
    assert [one.state.value for one in stack.status()] == ["stopped"] * 3
    assert not (tmp_path / "none").exists()


# --- passwords


def test_passwords_are_made_once_and_all_differ(home: Home) -> None:
    made = passwords.load_or_make(home)
    assert passwords.load_or_make(home) == made
    assert len({made.kafka_admin, made.kafka_controller, made.postgres, made.registry_database}) == 4
    assert made.postgres not in repr(made)


def test_lost_passwords_are_not_made_again_for_old_data(home: Home) -> None:
    home.mark_ready({})
    with pytest.raises(StackError, match="passwords are lost"):
        passwords.load_or_make(home)


# --- ports


def test_ports_are_chosen_once(home: Home) -> None:
    chosen = ports.load_or_choose(home.ports)
    assert ports.load_or_choose(home.ports) == chosen
    assert len(set(vars(chosen).values())) == 5
    assert all(port in ports.CANDIDATES for port in vars(chosen).values())


def test_a_taken_port_is_told_with_its_holder(home: Home) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(StackError) as raised:
            ports.require_free_port("kafka", port, home.ports)
    assert f"pid {os.getpid()}" in raised.value.what
    assert raised.value.where == f"127.0.0.1:{port}"
    assert str(home.ports) in raised.value.mend
    ports.require_free_port("kafka", port, home.ports)


def test_a_damaged_list_of_ports_is_told(home: Home) -> None:
    home.ports.write_text('{"kafka": 1}')
    with pytest.raises(StackError, match="ports is damaged"):
        ports.load_or_choose(home.ports)


# --- the disk


def test_a_nearly_full_disk_is_told_before_anything_starts(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(
        shutil, "disk_usage", lambda _path: Usage(10**12, 10**12 - 5 * disk.MIB, 5 * disk.MIB)
    )
    with pytest.raises(StackError, match="5 MiB free, 1024 MiB needed"):
        Stack(tmp_path / "home").up()
    assert not (tmp_path / "home").exists()


def test_a_disk_that_fills_later_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def full(_home: Home) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "/some/file")

    monkeypatch.setattr("qianbei.stack.stack.ensure_programs", lambda _say: None)
    monkeypatch.setattr(Home, "prepare", full)
    with pytest.raises(StackError, match="No space left on device") as raised:
        Stack(tmp_path / "home").up()
    assert "free some space" in raised.value.mend


# --- the lock


def test_two_starts_at_once(home: Home) -> None:
    with (
        held(home.lock, 1, "busy"),
        pytest.raises(StackError, match=f"busy .*pid {os.getpid()}"),
        held(home.lock, 0, "busy"),
    ):
        pass


def test_a_released_lock_is_taken(home: Home) -> None:
    taken = threading.Event()
    released = threading.Event()

    def hold() -> None:
        with held(home.lock, 1, "busy"):
            taken.set()
            released.wait(5)

    other = threading.Thread(target=hold)
    other.start()
    taken.wait(5)
    released.set()
    with held(home.lock, 5, "busy"):
        pass
    other.join()


# --- logs


def test_the_end_of_a_log(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("x" * 100_000 + "\nERROR: bind: Address already in use\n\n")
    assert end_of_log(log).last_line == "ERROR: bind: Address already in use"
    assert "took the port" in (end_of_log(log).mend or "")
    assert end_of_log(tmp_path / "none").last_line == ""


def test_the_end_of_a_java_log_is_the_cause_not_the_stack(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text(
        "Caused by: java.nio.file.AccessDeniedException: /x\n\tat java.base/A.b(C.java:1)\n\t... 19 more\n"
    )
    assert end_of_log(log).last_line == "Caused by: java.nio.file.AccessDeniedException: /x"
