"""Children are started once, seen when they die, and never confused with another process of the same pid."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from qianbei.stack import Child, ChildState, Lifetime, StackError, Supervisor
from qianbei.stack.probes import log_says
from tests.support.waiting import wait_until

LISTEN = "print('up', flush=True)\nimport signal\nwhile True: signal.pause()"
DEAF = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n{LISTEN}"
REPOSITORY = Path(__file__).parents[2]


def python(name: str, code: str) -> Child:
    return Child(name, (sys.executable, "-c", code), ready=log_says("up"), ready_seconds=20, grace_seconds=20)


@pytest.fixture
def supervisor(tmp_path: Path) -> Iterator[Supervisor]:
    for folder in ("run", "log"):
        (tmp_path / folder).mkdir()
    supervisor = Supervisor(tmp_path / "run", tmp_path / "log", Lifetime.PARENT)
    yield supervisor
    supervisor.stop(*supervisor.names())


def started(supervisor: Supervisor, child: Child) -> psutil.Process:
    assert supervisor.start(child)
    supervisor.wait_ready(child)
    process = supervisor.process(child.name)
    assert process is not None
    return process


def test_a_child_is_started_once_and_stopped(supervisor: Supervisor) -> None:
    child = python("one", LISTEN)
    process = started(supervisor, child)
    assert not supervisor.start(child)
    assert supervisor.status("one").state is ChildState.RUNNING
    assert supervisor.status("one").pid == process.pid
    assert supervisor.log_file("one").read_text() == "up\n"
    supervisor.stop("one")
    assert not process.is_running()
    assert supervisor.names() == []
    assert supervisor.status("one").state is ChildState.STOPPED


def test_it_runs_in_a_session_of_its_own_with_its_own_environment(
    supervisor: Supervisor, tmp_path: Path
) -> None:
    child = python(
        "one", f"import os; print(os.getcwd(), sorted(k for k in os.environ if k == 'A')); {LISTEN}"
    )
    process = started(supervisor, replace(child, env={"A": "b"}, cwd=tmp_path))
    assert os.getsid(process.pid) == process.pid
    assert supervisor.log_file("one").read_text() == f"{tmp_path} ['A']\nup\n"


def test_a_killed_child_is_seen_and_started_again(supervisor: Supervisor) -> None:
    child = python("one", LISTEN)
    process = started(supervisor, child)
    process.kill()
    wait_until(lambda: supervisor.status("one").state is ChildState.DIED)
    assert "SIGKILL" in supervisor.status("one").detail
    assert "SIGKILL" in supervisor.status("one").detail, "its end is remembered"
    assert started(supervisor, child).pid != process.pid


def test_a_suspended_child_is_silent(supervisor: Supervisor) -> None:
    process = started(supervisor, python("one", LISTEN))
    process.suspend()
    wait_until(lambda: supervisor.status("one").state is ChildState.SILENT)
    assert "suspended" in supervisor.status("one").detail
    process.resume()


def test_a_child_that_does_not_answer_on_its_port_is_silent(supervisor: Supervisor) -> None:
    started(supervisor, replace(python("one", LISTEN), port=1))
    assert supervisor.status("one").state is ChildState.SILENT


def test_a_child_that_ignores_the_stop_signal_is_killed_after_its_grace(supervisor: Supervisor) -> None:
    process = started(supervisor, replace(python("one", DEAF), grace_seconds=0.2))
    supervisor.stop("one")
    assert not process.is_running()


def test_a_stale_record_of_a_dead_process_is_replaced(supervisor: Supervisor) -> None:
    child = python("one", LISTEN)
    process = started(supervisor, child)
    record = supervisor.record("one")
    assert record is not None
    supervisor.stop("one")
    (supervisor.run / "one.json").write_text(record.model_dump_json())
    assert supervisor.status("one").state is ChildState.DIED
    assert started(supervisor, child).pid != process.pid


@pytest.mark.parametrize("changed", [{"born": "another boot:1"}, {"argv": ("/bin/something", "else")}])
def test_a_reused_pid_is_not_ours_and_gets_no_signal(
    supervisor: Supervisor, changed: dict[str, object]
) -> None:
    innocent = started(supervisor, python("innocent", LISTEN))
    record = supervisor.record("innocent")
    assert record is not None
    (supervisor.run / "one.json").write_text(
        record.model_copy(update={"name": "one"} | changed).model_dump_json()
    )
    assert supervisor.status("one").state is ChildState.DIED
    supervisor.stop("one")
    assert innocent.is_running()
    assert supervisor.status("innocent").state is ChildState.RUNNING
    assert supervisor.status("one").state is ChildState.STOPPED


def test_a_damaged_record_is_an_error_that_names_the_file(supervisor: Supervisor) -> None:
    path = supervisor.run / "one.json"
    path.write_text("{")
    with pytest.raises(StackError, match="pid record is damaged") as raised:
        supervisor.status("one")
    assert raised.value.where == str(path)
    path.unlink()


def test_an_early_end_is_told_with_its_last_words(supervisor: Supervisor) -> None:
    child = python("one", "import sys; sys.exit('bad settings')")
    supervisor.start(child)
    with pytest.raises(StackError, match=r"one ended while it started.*exit code 1.*bad settings"):
        supervisor.wait_ready(child)


def test_a_full_disk_in_the_log_is_named_as_the_cause(supervisor: Supervisor) -> None:
    child = python("one", "import sys; sys.exit('java.io.IOException: No space left on device')")
    supervisor.start(child)
    with pytest.raises(StackError) as raised:
        supervisor.wait_ready(child)
    assert "the disk is full" in raised.value.mend


def test_a_slow_start_ends_in_an_error(supervisor: Supervisor) -> None:
    child = replace(python("one", LISTEN), ready=log_says("never"), ready_seconds=0.2)
    supervisor.start(child)
    with pytest.raises(StackError, match="not ready within"):
        supervisor.wait_ready(child)


def test_a_missing_program_is_told(supervisor: Supervisor) -> None:
    child = Child("one", ("/no/such/program",), ready=log_says("up"))
    supervisor.start(child)
    with pytest.raises(StackError, match="cannot run /no/such/program"):
        supervisor.wait_ready(child)


def test_the_log_of_the_start_before_is_kept(supervisor: Supervisor) -> None:
    child = python("one", LISTEN)
    started(supervisor, child)
    supervisor.stop("one")
    started(supervisor, child)
    assert supervisor.log_file("one").with_suffix(".log.1").read_text() == "up\n"


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells children of their parent's death")
@pytest.mark.parametrize("lifetime", list(Lifetime))
def test_kill_9_of_the_parent(supervisor: Supervisor, lifetime: Lifetime) -> None:
    """With `PARENT` it ends the child too; a daemon goes on, and another supervisor can stop it."""
    code = f"""if True:
        import pathlib, signal, sys
        from qianbei.stack import Child, Lifetime, Supervisor
        from qianbei.stack.probes import log_says
        one = Supervisor(pathlib.Path({str(supervisor.run)!r}), pathlib.Path({str(supervisor.log)!r}),
                         Lifetime({lifetime.value!r}))
        child = Child("one", (sys.executable, "-c", {LISTEN!r}), ready=log_says("up"))
        one.start(child)
        one.wait_ready(child)
        print("ready", flush=True)
        signal.pause()
    """
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, cwd=REPOSITORY) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == b"ready\n"
        process = supervisor.process("one")
        parent.send_signal(signal.SIGKILL)
    assert process is not None
    if lifetime is Lifetime.PARENT:
        wait_until(lambda: supervisor.process("one") is None)
    else:
        assert supervisor.status("one").state is ChildState.RUNNING
        supervisor.stop("one")
        assert supervisor.process("one") is None
