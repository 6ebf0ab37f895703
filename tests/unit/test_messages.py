"""Every text that people see can be shown in Chinese, and has its Chinese."""

import ast
import json
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal

import polib
import pytest

from broker.errors import ConfigError
from qianbei.cli.help import wrapped
from qianbei.language import asks_for_chinese
from schemas.said import joined, said, shown
from tests.messages import faults, modules, places, translations, unmarked


def test_every_text_can_be_translated() -> None:
    assert not unmarked(dict(modules()))


def test_every_text_has_its_chinese() -> None:
    assert not faults(translations(), places())


@pytest.mark.parametrize(
    ("path", "line", "mark"),
    [
        ("qianbei/cli/new_cmd.py", 'click.echo("all is well")', "spoken"),
        ("qianbei/cli/new_cmd.py", 'click.echo(f"{count} records", err=True)', "spoken"),
        ("qianbei/cli/new_cmd.py", 'Table("name", title="What is")', "spoken"),
        ("qianbei/cli/new_cmd.py", 'raise click.UsageError("name a file")', "spoken"),
        ("broker/new.py", 'raise ConfigError(f"{path} is not there")', "said"),
        (
            "broker/new.py",
            'class Odd(ConfigError): ...\nraise Odd("no house" if x else said("no unit"))',
            "said",
        ),
        ("qianbei/doctor/new.py", 'ok("disk", said("all is well"))', "said"),
    ],
)
def test_a_text_that_is_not_marked_is_named_with_the_way_to_mend_it(path: str, line: str, mark: str) -> None:
    errors = ast.parse("class QianbeiError(Exception): ...\nclass ConfigError(QianbeiError): ...")
    found = unmarked({"broker/errors.py": errors, path: ast.parse(line)})
    assert found
    assert all(one.startswith(path) and f"write {mark}(" in one and "make messages" in one for one in found)


def test_what_is_no_text_needs_no_mark() -> None:
    lines = 'click.echo(json.dumps({"a b": 1}))\nclick.echo(f"{name}: {count}")\nclick.echo(spoken("a b"))\n'
    assert not unmarked({"qianbei/cli/new_cmd.py": ast.parse(lines)})


@pytest.mark.parametrize(
    ("english", "chinese", "fault"),
    [
        ("{count} records", "{count} 条记录", None),
        ("{count:,} records", "{count} 条记录", None),
        ("{count} records", "记录", "other values"),
        ("{count} records", "{n} 条记录", "other values"),
        ("{count} records", "", "no Chinese"),
        ("records of old", "旧记录", "of nothing"),
    ],
)
def test_what_can_be_wrong_with_a_translation(english: str, chinese: str, fault: str | None) -> None:
    entry = polib.POEntry(msgid=english, msgstr=chinese)
    found = faults({english: entry}, {} if english == "records of old" else {english: "here"})
    assert [one for one in found if fault is None or fault not in one] == []
    assert bool(found) == bool(fault)


@contextmanager
def _speaking(monkeypatch: pytest.MonkeyPatch, chinese: dict[str, str]) -> Iterator[None]:
    with monkeypatch.context() as patch:
        patch.setattr("schemas.said.gettext", lambda text: chinese.get(text, text))
        yield


def test_a_text_is_english_until_it_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    chinese = {"{n:,} in {where}: {why}": "{where} 有 {n:,} 个：{why}", "it is full": "已满"}
    text = said("{n:,} in {where}: {why}", n=1234, where="{n}", why=ConfigError(said("it is full")))
    with _speaking(monkeypatch, chinese):
        assert text == "1,234 in {n}: it is full"
        assert json.loads(json.dumps({"why": text})) == {"why": "1,234 in {n}: it is full"}
        assert shown(text) == "{n} 有 1,234 个：已满"
        assert shown(ConfigError(text)) == shown(text)
        assert shown(str(ConfigError(text))) == shown(text)
        assert shown(joined("; ", [said("it is full"), 7])) == "已满; 7"
        assert shown(said("")) == ""
        assert shown(Decimal("1.50")) == "1.50"
        assert shown(said("no such text {n}", n=1)) == "no such text 1"


@pytest.mark.parametrize(
    ("environment", "chinese"),
    [
        ({"LANG": "zh_CN.UTF-8"}, True),
        ({"LANG": "en_US.UTF-8"}, False),
        ({}, False),
        ({"LANG": "zh_CN.UTF-8", "LC_MESSAGES": "en_US.UTF-8"}, False),
        ({"LANG": "zh_CN.UTF-8", "LC_MESSAGES": "en_US.UTF-8", "LC_ALL": "zh_TW"}, True),
        ({"LANG": "zh_CN.UTF-8", "LC_ALL": "C"}, False),
        ({"LANG": "zh_CN.UTF-8", "LC_ALL": ""}, True),
    ],
)
def test_the_language_follows_the_order_of_posix(environment: dict[str, str], chinese: bool) -> None:
    assert asks_for_chinese(environment) is chinese


def test_chinese_lines_keep_the_width_and_the_place_of_their_marks() -> None:
    text = "把主题同步为部门自有 Postgres 中的表（含《清单》），持续运行，直到按下 Ctrl-C。" * 5
    for width in range(20, 60):
        lines = wrapped(text, width)
        assert "".join(lines).replace(" ", "") == text.replace(" ", "")
        assert all(sum(1 + (ord(c) > 0x2000) for c in line) <= width + 2 for line in lines)
        assert not any(line[0] in "，。；：）》、" or line[-1] in "（《" for line in lines)


def test_examples_keep_their_lines() -> None:
    assert wrapped("一\n\n\b\n示例：a --b\n      c  d", 20) == ["一", "", "示例：a --b", "      c  d"]
