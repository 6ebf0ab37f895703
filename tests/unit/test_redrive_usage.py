"""Wrong use of ``quarantine redrive`` is told before any server is asked."""

import getpass
from pathlib import Path

import pytest
from click.testing import CliRunner

from broker.errors import ConfigError
from producers.events import InvalidEvent
from qianbei.cli.redrive_cmd import redrive_command
from qianbei.redrive.editing import as_event, edited_bytes
from schemas.catalogue import load_catalogue
from tests.support import in_memory
from tests.unit.redrive_world import kept, unit

PLACE, OTHER = "intake.bureau/0/0", "intake.bureau/0/1"
WHO = ("--operator", "wang")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--reason", "x"), "name one or more places"),
        ((PLACE, "--key", "k", "--reason", "x"), "name one or more places"),
        ((PLACE,), "--reason"),
        ((PLACE, "--reason", " "), "--reason: 1 to 500 visible characters"),
        ((PLACE, "--reason", "two\nlines"), "--reason: 1 to 500 visible characters"),
        ((PLACE, "--reason", "x" * 501), "--reason: 1 to 500 visible characters"),
        (("--since", "yesterday", "--reason", "x"), "no time: write 2021-03-01"),
        (("--reason-code", "STALE", "--reason", "x"), "--reason-code"),
        ((PLACE, OTHER, "--edit", __file__, "--reason", "x"), "--edit is for one place"),
    ],
)
def test_wrong_use(words: tuple[str, ...], told: str) -> None:
    ran = CliRunner().invoke(redrive_command, [*words, *WHO])
    assert (ran.exit_code, told in ran.output) == (2, True), ran.output


def test_a_machine_that_does_not_know_its_user_asks_for_the_operator(monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody() -> str:
        raise KeyError("uid not found")

    monkeypatch.setattr(getpass, "getuser", nobody)
    ran = CliRunner().invoke(redrive_command, [PLACE, "--reason", "x"])
    assert (ran.exit_code, "say so with --operator" in ran.output) == (2, True)


def test_what_is_no_event_is_edited_as_bytes() -> None:
    assert as_event(kept(5, unit()), in_memory._decoder())["subject"] == "unit"
    with pytest.raises(ConfigError, match=r"intake.bureau/1/5 holds no event \(BAD_MAGIC\).*--bytes"):
        as_event(kept(5, b"junk"), in_memory._decoder())


class NoRegistry:
    """Nothing that is wrong is looked up in the registry."""


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{", "no JSON"),
        ("{}", "subject"),
        ('{"subject": "unit"}', "event_id"),
        ('{"subject": "seizure"}', "sends no"),
    ],
)
def test_a_wrong_edit_says_what_is_wrong(tmp_path: Path, text: str, told: str) -> None:
    file = tmp_path / "event.json"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(InvalidEvent, match=told):
        edited_bytes(file, "bureau", load_catalogue(), NoRegistry())  # type: ignore[arg-type]


def test_what_the_exchange_asked_of_itself_is_not_edited(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="as it is, or not at all"):
        edited_bytes(tmp_path / "x", "internal", load_catalogue(), NoRegistry())  # type: ignore[arg-type]


def test_an_edit_of_bytes_is_taken_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "edited.avro"
    file.write_bytes(b"\x00\x00\x00\x00\x01{")
    assert edited_bytes(file, "bureau", load_catalogue(), NoRegistry()) == b"\x00\x00\x00\x00\x01{"  # type: ignore[arg-type]
