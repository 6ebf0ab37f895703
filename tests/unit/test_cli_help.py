"""Every command explains itself to people, to programs and to shells."""

import shutil
import subprocess

import click
import pytest
from click.shell_completion import get_completion_class

from qianbei.cli.commands import COMMANDS, command_at
from qianbei.cli.completing import departments, principals, topics
from qianbei.cli.help import EXAMPLE, EXIT_CODES, presented
from qianbei.cli.main import cli
from tests.messages import commands

ALL = [(path, command) for path, command in commands()]
WITHOUT_JSON = {
    "service": "runs until it is ended; its log is JSON",
    "export": "writes JSON Lines",
    "deliver": "runs until it is ended; its log is JSON",
    "connection": "has --format json",
    "asyncapi": "has --format json",
    "receiver": "runs until it is ended; its log is JSON",
    "figures": "prints nothing but JSON",
}
COMPLETED = {
    "principal": principals,
    "source": principals,
    "user": principals,
    "department": departments,
    "topic": topics,
    "topics": topics,
}
"""Parameters that are names of the catalogue, and what completes them."""


def name_of(value: object) -> str:
    return value.name or "" if isinstance(value, click.Command) else ""


@pytest.mark.parametrize("command", [one for _, one in ALL], ids=name_of)
class TestEveryCommand:
    def test_shows_an_example_of_itself(self, command: click.Command) -> None:
        found = EXAMPLE.search(command.help or "")
        assert found, "end its docstring with: Example: qianbei …"
        assert command.name == "cli" or (command.name or "") in (command.help or "")[found.end() :]

    def test_explains_its_exit_codes(self, command: click.Command) -> None:
        page = presented(command).get_help(click.Context(presented(command), info_name="x"))
        assert " ".join(page.split()).endswith(str(EXIT_CODES))

    def test_speaks_to_programs(self, command: click.Command) -> None:
        json = any("--json" in parameter.opts for parameter in command.params)
        if not isinstance(command, click.Group):
            assert json != (command.name in WITHOUT_JSON), (
                "give it --json, or say in this test why it has none"
            )

    def test_completes_the_names_of_the_catalogue(self, command: click.Command) -> None:
        context = click.Context(command)
        for parameter in command.params:
            if complete := COMPLETED.get(parameter.name or ""):
                offered = [one.value for one in parameter.shell_complete(context, "")]
                assert offered == complete(context, parameter, ""), f"add shell_complete to {parameter.name}"


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_is_there_by_its_name(name: str) -> None:
    assert command_at(COMMANDS[name]).name == name


SHELLS = ("bash", "zsh", "fish")


def completed(shell: str, line: str, monkeypatch: pytest.MonkeyPatch) -> str:
    last = line.rsplit(" ", 1)[-1]
    monkeypatch.setenv("COMP_WORDS", line)
    monkeypatch.setenv("COMP_CWORD", last if shell == "fish" else str(line.count(" ")))
    completing = get_completion_class(shell)
    assert completing is not None
    return completing(cli, {}, "qianbei", "_QIANBEI_COMPLETE").complete()


@pytest.mark.parametrize("shell", SHELLS)
def test_a_shell_completes_commands_options_and_names(shell: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "import" in completed(shell, "qianbei im", monkeypatch)
    assert "--suggest-mapping" in completed(shell, "qianbei import --s", monkeypatch)
    offered = completed(shell, "qianbei tail dept.court.", monkeypatch)
    assert "dept.court.sale.v1" in offered
    assert "dept.tax" not in offered


@pytest.mark.parametrize("shell", SHELLS)
def test_the_script_of_completion_is_one_that_the_shell_can_read(shell: str) -> None:
    completing = get_completion_class(shell)
    assert completing is not None
    script = completing(cli, {}, "qianbei", "_QIANBEI_COMPLETE").source()
    assert f"_QIANBEI_COMPLETE={shell}_complete" in script
    if program := shutil.which(shell):
        subprocess.run([program, "-n"], input=script.encode(), timeout=60, check=True)


def test_presenting_changes_nothing_of_the_command_itself() -> None:
    command = command_at(COMMANDS["token"])
    shown = presented(command)
    assert command.epilog is None
    assert shown.epilog
    assert isinstance(command, click.Group)
    assert all(one.epilog is None for one in command.commands.values())
