"""``tail`` and ``quarantine``: what is chosen, how it is shown, what is kept back."""

import base64
import json
from typing import Any

import pytest
from click.testing import CliRunner

from broker.errors import ConfigError
from broker.kafka import Record, TopicPartition
from broker.replay.decoding import AnyDecoder
from qianbei.cli.quarantine_cmd import quarantine_command
from qianbei.cli.tail_cmd import _headline, _shown, tail_command
from qianbei.inspect.quarantine import SHOWN_BYTES, explanation, hex_dump
from qianbei.inspect.reading import parse_place, printable
from qianbei.inspect.tail import Line, Wanted, line_of, quarantined
from tests.unit.verify_world import SCHEMAS, encode, sale


class OneRegistry:
    """Knows the schemas of the small world."""

    def schema(self, schema_id: int) -> dict[str, Any] | None:
        return SCHEMAS.get(schema_id)


def decoder() -> AnyDecoder:
    return AnyDecoder(OneRegistry())  # type: ignore[arg-type]


def record(value: bytes | None, topic: str = "exchange.sale", key: bytes | None = b"s1") -> Record:
    return Record(topic, 2, 17, 1_606_788_000_250, key, value, ())


LINE = line_of(record(encode(1, sale())), decoder())


def test_a_record_is_decoded_by_the_schema_it_names() -> None:
    shown = LINE.as_dict()
    assert shown["topic"] == "exchange.sale"
    assert (shown["partition"], shown["offset"], shown["key"]) == (2, 17, "s1")
    assert shown["at"] == "2020-12-01T02:00:00.250Z"
    assert shown["record"]["price"] == "880000.00"
    assert shown["record"]["parties"][1]["name"] == "张示例"
    assert json.loads(json.dumps(shown, ensure_ascii=False)) == shown


@pytest.mark.parametrize(
    ("value", "code"),
    [
        (None, "TOMBSTONE"),
        (b"", "BAD_MAGIC"),
        (b"plain text", "BAD_MAGIC"),
        (b"\x00\x00\x00\x00\x63x", "UNKNOWN_SCHEMA"),
        (encode(1, sale())[:-2], "UNDECODABLE"),
    ],
)
def test_what_cannot_be_decoded_is_shown_as_such(value: bytes | None, code: str) -> None:
    line = line_of(record(value, "intake.bureau", b"\xff\x00"), decoder())
    assert line.record is None
    assert line.problem is not None
    assert line.problem.startswith(code)
    assert line.as_dict()["bytes"] == len(value or b"")
    assert line.key == "\\xff\x00"


@pytest.mark.parametrize(
    ("where", "chosen"),
    [
        ([], True),
        (["contract_no=SQ2020" + "0" * 70], True),
        (["contract_no=SQ2020"], False),
        (["parties.role=BUYER"], True),
        (["parties.role=AGENT"], False),
        (["parties.name=张示例", "baseline=false"], True),
        (["revision=1"], True),
        (["interested=bank.a"], True),
        (["parties.phone=null"], True),
        (["no_such_field=null"], False),
        (["price=880000.00"], True),
    ],
)
def test_conditions(where: list[str], chosen: bool) -> None:
    assert Wanted.of(None, None, where)(LINE) is chosen


def test_entity_and_event_type_are_conditions_too() -> None:
    assert Wanted.of("s1", "FILED", [])(LINE)
    assert not Wanted.of("s2", "FILED", [])(LINE)
    assert not Wanted.of("s1", "SIGNED", [])(LINE)


def test_what_cannot_be_decoded_meets_no_condition() -> None:
    broken = line_of(record(b"junk"), decoder())
    assert Wanted.of(None, None, [])(broken)
    assert not Wanted.of("s1", None, [])(broken)


@pytest.mark.parametrize("text", ["contract_no", "=x", ""])
def test_a_condition_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="field=value"):
        Wanted.of(None, None, [text])


def test_of_a_quarantine_record_only_the_size_of_its_bytes_is_shown() -> None:
    body = {
        "intake_topic": "intake.bureau",
        "intake_partition": 1,
        "intake_offset": 5,
        "intake_sha256": "ab",
        "recorded_at": "2020-12-01T02:00:00Z",
        "reason": "BAD_MAGIC",
        "detail": "does not begin with 0",
        "value": base64.b64encode(b"13900000001 and more").decode(),
    }
    shown = quarantined(body)
    assert shown["intake_place"] == "intake.bureau/1/5"
    assert shown["bytes"] == 20
    assert "value" not in shown
    assert quarantined(body | {"value": None})["bytes"] is None


def test_nothing_in_a_record_can_steer_the_terminal() -> None:
    evil = "\x1b[2J\x9b31m\r\u202eabc"
    assert printable(evil) == "\\x1b[2J\\x9b31m\\x0d\\x202eabc"
    line = Line("t", 0, 1, 0, evil, 3, {"event_type": evil})
    assert "\x1b" not in _headline(line).plain
    assert "\x1b" not in _shown([evil])
    assert "\x9b" not in _shown([evil])


def test_places() -> None:
    assert parse_place("intake.bank.icbc/2/118") == (TopicPartition("intake.bank.icbc", 2), 118)
    assert parse_place("intake.bureau/0@7") == (TopicPartition("intake.bureau", 0), 7)
    for text in ("intake.bureau", "a/b/c", "a/1", "a/1/2/3", "a/-1/2"):
        with pytest.raises(ConfigError, match="is no place"):
            parse_place(text)


def test_hex_dump() -> None:
    assert hex_dump(b"") == ""
    first, second = hex_dump(b"\x00Qianbei 2020-12\x01x").splitlines()
    assert first == "00000000  00 51 69 61 6e 62 65 69 20 32 30 32 30 2d 31 32  |.Qianbei 2020-12|"
    assert second == "00000010  01 78                                            |.x|"
    lines = hex_dump(bytes(1000)).splitlines()
    assert len(lines) == SHOWN_BYTES // 16 + 1
    assert lines[-1] == "… 744 more bytes"


def test_each_quarantine_reason_says_in_both_languages_what_to_do() -> None:
    for code in (
        "BAD_MAGIC",
        "UNKNOWN_SCHEMA",
        "UNDECODABLE",
        "TOO_LARGE",
        "TOMBSTONE",
        "MISROUTED",
        "BAD_ENVELOPE",
    ):
        explained = explanation(code)
        assert "重新报送" in explained.zh or "请" in explained.zh
        assert explained.en.endswith(".")
    assert "does not know" in explanation("NEW_ONE").en


def test_help_pages_carry_examples() -> None:
    for command, args in ((tail_command, ["--help"]), (quarantine_command, ["show", "--help"])):
        assert "Example: qianbei" in CliRunner().invoke(command, args).output
