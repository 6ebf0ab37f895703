"""Replaying: what is chosen, what is masked, where it goes; and that a killed one goes on without loss or repetition."""

import csv
import io
import json
import random
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fastavro
import pytest

from broker.admission.opening import party_ref_filler
from broker.errors import ConfigError
from broker.kafka import Outgoing, Record, TopicPartition
from broker.keys.ciphers import Algorithm
from broker.keys.data_key import new_key
from broker.keys.master import MasterKey
from broker.protected import clear, erased, is_sealed, party_ref, present, reveal
from broker.replay import replaying
from broker.replay.decoding import AnyDecoder
from broker.replay.finding import Index
from broker.replay.folder import STATE, State, begun, claimed, end, folder, keep
from broker.replay.masking import Presenting, masked, protected_paths, revealed
from broker.replay.outlets import CommandFailed, Shown, fed
from broker.replay.planning import Plan, make_plan
from broker.replay.reading import Span
from broker.replay.replaying import Choosing, Chosen, Pace, Readers, Replay
from broker.replay.selecting import Matcher, Selection, topics_of
from broker.topics import exchange_topic, intake_topic
from schemas.catalogue import load_catalogue
from schemas.entitlements import grants, load_entitlements
from schemas.files import CLEAR, latest_version, load_schema, parsed
from schemas.jsonform import to_json
from tests.machine.knowledge import PARTY_KEY, decoder, encoders
from tests.machine.log import Log, LogReader
from tests.support.story import EXAMPLES, example

SLOTS = 3
TOPIC, INTAKE = exchange_topic("sale"), intake_topic("bureau")
NUMBERS = ("411499199003070015", "411499198511150025")
Forever = 1 << 62


class Registered:
    """The schemas under the ids of the machine's encoders; what is newest is told by the files."""

    def schema(self, schema_id: int) -> dict[str, Any] | None:
        reader = decoder()._readers.get(schema_id)
        return None if reader is None else dict(load_schema(reader.released.subject, reader.released.version))

    def newest(self, subject: str) -> tuple[int, dict[str, Any]] | None:
        record = subject.removeprefix("exchange.").removesuffix("-value").rpartition(".")[2].lower()
        return 0, dict(load_schema(record, latest_version(record)))


def any_decoder() -> AnyDecoder:
    return AnyDecoder(Registered())  # type: ignore[arg-type]


def sale(n: int, **changes: Any) -> dict[str, Any]:
    body = example("sale", "presale")
    party = body["parties"][0] | {"id_type": "1", "id_no": clear(NUMBERS[n % 2])}
    own = {"entity_id": f"HT-{n}", "house_code": f"H-{n % 5}", "county_code": ("411402", "411403")[n % 2]}
    given = {"revision": 1, "parties": [party | {"party_ref": party_ref(PARTY_KEY, "1", NUMBERS[n % 2])}]}
    return body | own | given | changes


def filled(count: int = 60) -> Log:
    """Sales over three slots, one a second; the same records, without references, came in."""
    now = 0
    log = Log(lambda: now * 1000)
    for n in range(count):
        now = n
        body = sale(n)
        log.append(Outgoing(TOPIC, n % SLOTS, body["entity_id"].encode(), encoders()["sale"](body)))
        raw = body | {"parties": [body["parties"][0] | {"party_ref": None}]}
        log.append(Outgoing(INTAKE, n % SLOTS, b"key", encoders()["sale"](raw)))
    return log


def sources(log: Log) -> Readers:
    return Readers(LogReader(log, SLOTS), LogReader(log, SLOTS))  # type: ignore[arg-type]


def given_out(log: Log, selection: Selection, index: Index | None = None) -> list[Chosen]:
    found: list[Chosen] = []
    filler = party_ref_filler(PARTY_KEY, load_catalogue())
    choosing = Choosing(Matcher(selection, filler), any_decoder(), revealed(present))
    plan = make_plan(sources(log).far, selection, index)
    replay = Replay(choosing, Shown(found.append), Pace(0), lambda *_: None, {})
    assert replay.run(sources(log), plan, Never())
    assert replay.given == len(found)
    return found


class Never:
    """Is never told to stop."""

    def is_set(self) -> bool:
        return False

    def wait(self, timeout: float | None = None) -> bool:
        return False


def numbers(found: list[Chosen]) -> list[int]:
    return sorted(int(one.opened.body["entity_id"].removeprefix("HT-")) for one in found if one.opened)


# -- choosing ------------------------------------------------------------------------------------------------------------


REF = party_ref(PARTY_KEY, "1", NUMBERS[0])
EVEN = [n for n in range(60) if n % 2 == 0]


@pytest.mark.parametrize(
    ("conditions", "wanted"),
    [
        ({}, list(range(60))),
        ({"entities": {"HT-7", "HT-8"}}, [7, 8]),
        ({"houses": {"H-1"}, "counties": {"411402"}}, [n for n in EVEN if n % 5 == 1]),
        ({"parties": {REF}}, EVEN),
        ({"parties": {REF}, "entities": {"HT-1"}}, []),
        ({"since_ms": 10_000, "until_ms": 13_000}, [10, 11, 12]),
        ({"ranges": {TopicPartition(TOPIC, 1): Span(2, 5)}}, [7, 10, 13]),
        ({"ranges": {TopicPartition(TOPIC, 1): Span(18, Forever)}}, [55, 58]),
        ({"subjects": {"lease"}}, []),
    ],
)
def test_all_conditions_hold(conditions: dict[str, Any], wanted: list[int]) -> None:
    sets = {name: frozenset(value) if isinstance(value, set) else value for name, value in conditions.items()}
    assert numbers(given_out(filled(), Selection((TOPIC,), **sets))) == wanted


def test_a_person_is_found_where_references_are_not_filled_in_yet_and_what_came_is_given_out_as_it_came() -> (
    None
):
    found = given_out(filled(), Selection((INTAKE,), parties=frozenset({REF})))
    assert numbers(found) == EVEN
    assert all(one.opened and one.opened.body["parties"][0]["party_ref"] is None for one in found)


@pytest.mark.parametrize("reach", [0, 7, 20])
def test_the_index_finds_what_reading_through_finds(reach: int) -> None:
    log = filled()
    selection = Selection((TOPIC,), entities=frozenset(f"HT-{n}" for n in (0, 3, 30, 31, 59)))
    places: dict[TopicPartition, list[int]] = {}
    for slot in range(SLOTS):
        for record in log.read(TopicPartition(TOPIC, slot)):
            if record.key.decode() in selection.entities:
                places.setdefault(TopicPartition(TOPIC, slot), []).append(record.offset)
    index = Index(places, dict.fromkeys(LogReader(log, SLOTS).partitions_of(TOPIC), reach))
    plan = make_plan(sources(log).far, selection, index)
    assert plan.to_scan == 3 * (20 - reach)
    assert numbers(given_out(log, selection, index)) == [0, 3, 30, 31, 59]


def test_what_cannot_be_decoded_is_given_out_unless_its_content_is_asked_for() -> None:
    log = filled(3)
    log.append(Outgoing(TOPIC, 0, b"key", b"junk"))
    found = given_out(log, Selection((TOPIC,)))
    assert [one.problem for one in found if one.opened is None] == [
        "BAD_MAGIC: does not begin with 0 and a 4-byte schema id"
    ]
    assert len(given_out(log, Selection((TOPIC,), counties=frozenset({"411402", "411403"})))) == 3


def test_topics_are_named_singly_or_by_their_beginning() -> None:
    known = ["exchange.sale", "exchange.lease", "dept.tax.sale.v1", "dept.tax.lease.v1", "intake.bureau"]
    assert topics_of(known, ["dept.tax.*"], frozenset({"sale"})) == ("dept.tax.sale.v1",)
    assert topics_of(known, ["exchange.lease", "intake.*"], frozenset()) == (
        "exchange.lease",
        "intake.bureau",
    )
    with pytest.raises(ConfigError, match=r"no topic exchange\.house"):
        topics_of(known, ["exchange.house"], frozenset())


@pytest.mark.parametrize(
    ("selection", "complaint"),
    [
        (Selection(("dept.tax.sale.v1",), houses=frozenset({"H"})), "not in dept"),
        (Selection(("decision.bureau",), parties=frozenset({REF})), "not in decision"),
        (Selection(("quarantine.bureau",)), "quarantine.* is not replayed"),
    ],
)
def test_what_records_do_not_say_is_not_looked_for_in_vain(selection: Selection, complaint: str) -> None:
    with pytest.raises(ConfigError) as refused:
        selection.require_possible()
    assert complaint in str(refused.value)


# -- masking -------------------------------------------------------------------------------------------------------------


def values_at(body: Any, path: tuple[str, ...]) -> Iterator[Any]:
    if isinstance(body, list):
        for item in body:
            yield from values_at(item, path)
    elif body is not None:
        yield from values_at(body[path[0]], path[1:]) if path else iter([body])


@pytest.mark.parametrize("subject", sorted(load_catalogue().subjects))
def test_no_protected_value_of_any_subject_is_shown(subject: str) -> None:
    schema = parsed(subject, latest_version(subject))
    for file in sorted((EXAMPLES / subject / "v1").glob("*.json")):
        body = example(subject, file.stem)
        blurred = masked().shown(f"exchange.{subject}", schema, body)
        for path in protected_paths(subject):
            for secret, shown in zip(values_at(body, path), values_at(blurred, path), strict=True):
                assert reveal(secret) not in reveal(shown), path
        assert to_json(schema, blurred)


def test_what_a_department_is_given_in_clear_is_masked_too() -> None:
    seen = 0
    for grant in grants(load_entitlements()):
        schema: Any = fastavro.parse_schema(
            grant.schema(load_schema(grant.subject, latest_version(grant.subject))), _force=True
        )
        body = {field["name"]: None for field in schema["fields"]}
        body |= {"entity_id": "e", "revision": 1, "event_type": "FILED"}
        if not any(path[0] == "parties" for path in protected_paths(grant.subject)) or "parties" not in body:
            continue
        (kind,) = [f["type"] for f in schema["fields"] if f["name"] == "parties"]
        item = next(branch for branch in kind if branch != "null")["items"]
        party = {field["name"]: None for field in item["fields"]} | dict.fromkeys(
            {"name", "id_no", "phone"} & {field["name"] for field in item["fields"]}, "11010519491231002X"
        )
        blurred = masked().shown(grant.topic, schema, body | {"parties": [party]})
        assert "11010519491231002X" not in json.dumps(blurred)
        seen += "11010519491231002X" in party.values()
    assert seen > 5


def sale_with(name: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    body = example("sale", "existing-home")
    return parsed("sale", latest_version("sale")), body | {
        "parties": [party | {"name": name} for party in body["parties"]]
    }


def shown_name(presenting: Presenting, name: dict[str, Any]) -> dict[str, Any]:
    schema, body = sale_with(name)
    found = presenting.shown("exchange.sale", schema, body)
    assert {party["id_no"]["key_id"] for party in found["parties"]} == {CLEAR}
    (one,) = {json.dumps(party["name"], default=repr): party["name"] for party in found["parties"]}.values()
    return dict(one)


def test_what_is_encrypted_is_opened_only_to_be_revealed() -> None:
    key, _ = new_key("owner", Algorithm.AES, MasterKey(b"m" * 32))
    sealed = key.seal(clear("王小明"))

    def opening(envelope: dict[str, Any]) -> str | None:
        return (
            present(envelope)
            if not is_sealed(envelope)
            else key.open(envelope["nonce"], envelope["ciphertext"])
        )

    assert shown_name(revealed(opening), sealed) == clear("王小明")
    assert shown_name(masked(), sealed) == clear("***")
    changed = sealed | {"ciphertext": sealed["ciphertext"][:-1] + bytes((sealed["ciphertext"][-1] ^ 1,))}
    assert shown_name(revealed(opening), changed) == changed, "nothing is made up for what cannot be opened"
    for presenting in (masked(), revealed(opening)):
        assert shown_name(presenting, erased()) == erased()


# -- going on --------------------------------------------------------------------------------------------------------------


class Killed(BaseException):
    """As a kill: nothing is settled."""


class Dying:
    """Lets a target die after so many records."""

    def __init__(self, target: Any, lives: int) -> None:
        self._target = target
        self._lives = lives

    def take(self, chosen: Chosen) -> None:
        if not self._lives:
            raise Killed
        self._lives -= 1
        self._target.take(chosen)

    def settle(self) -> Any:
        return self._target.settle()


def export(log: Log, path: Path, form: str, lives: int, plan_of: Plan | None = None) -> int:
    """One run, as the command makes it. Gives how many records it says it has given out."""
    selection = Selection((TOPIC, INTAKE))
    with claimed(path):
        state = begun(path, selection.digest)
        plan = make_plan(sources(log).far, selection, None, None if state is None else state.ends)
        state = state or State(selection.digest, plan.ends)
        keep(path, state)
        with folder(path, form, state.marks) as target:
            replay = Replay(
                Choosing(Matcher(selection), any_decoder(), masked()),
                Dying(target, lives),
                Pace(0),
                lambda positions, marks, given: keep(
                    path, State(selection.digest, plan.ends, dict(positions), marks, given)
                ),
                dict(state.positions),
                state.given,
            )
            assert replay.run(sources(log), plan, Never())
        end(path)
    return replay.given


def rows(path: Path, form: str) -> dict[str, list[tuple[int, int, Any]]]:
    """By file: partition, offset and entity of each record, in order."""
    found = {}
    for file in sorted(path.glob(f"*.{form}")):
        if form == "jsonl":
            lines = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
            found[file.name] = [
                (one["partition"], one["offset"], one["record"]["entity_id"]) for one in lines
            ]
        elif form == "csv":
            table = csv.DictReader(io.StringIO(file.read_text(encoding="utf-8-sig")))
            found[file.name] = [
                (int(one["partition"]), int(one["offset"]), one["entity_id"]) for one in table
            ]
        elif form == "avro":
            with file.open("rb") as opened:
                records: list[Any] = list(fastavro.reader(opened))
            found[file.name] = [
                (one["partition"], one["offset"], one["record"]["entity_id"]) for one in records
            ]
        else:
            dataset = pytest.importorskip("pyarrow.dataset").dataset(file, format="parquet")
            table = dataset.to_table(columns=["partition", "offset", "entity_id"]).to_pylist()
            found[file.name] = [tuple(one.values()) for one in table]
    return found


@pytest.mark.parametrize("form", ["jsonl", "csv", "avro", "parquet"])
def test_an_export_that_is_killed_goes_on_without_loss_or_repetition(
    form: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replaying, "_CHOSEN_BETWEEN_MARKS", 7)
    log, chance = filled(), random.Random(7)
    wanted = {
        f"{TOPIC}.{form}": {(n % SLOTS, n // SLOTS, f"HT-{n}") for n in range(60)},
        f"{INTAKE}.sale.{form}": {(n % SLOTS, n // SLOTS, f"HT-{n}") for n in range(60)},
    }
    kills, lives = 0, 0
    while True:
        try:
            given = export(log, tmp_path / "out", form, lives)
            break
        except Killed:
            kills, lives = kills + 1, chance.randrange(0, 25)
            # What comes meanwhile is not of this export.
            log.append(Outgoing(TOPIC, 0, b"later", encoders()["sale"](sale(0, entity_id="later"))))
            for file in (tmp_path / "out").glob(f"*.{form}"):
                if file.is_file():
                    with file.open("ab") as torn:
                        torn.write(b"torn")
    assert kills > 3
    assert given == 120
    found = rows(tmp_path / "out", form)
    assert {name: set(one) for name, one in found.items()} == wanted
    for one in found.values():
        assert len(one) == 60, "a record is there twice"
        for slot in range(SLOTS):
            offsets = [offset for partition, offset, _ in one if partition == slot]
            assert offsets == sorted(offsets)
    assert not (tmp_path / "out" / STATE).exists()


def test_a_folder_that_holds_something_else_is_left_alone(tmp_path: Path) -> None:
    log = filled(6)
    export(log, tmp_path / "whole", "jsonl", Forever)
    before = rows(tmp_path / "whole", "jsonl")
    with pytest.raises(ConfigError, match="not empty"):
        export(log, tmp_path / "whole", "jsonl", Forever)
    assert rows(tmp_path / "whole", "jsonl") == before
    with pytest.raises(Killed):
        export(log, tmp_path / "half", "jsonl", 2)
    with pytest.raises(ConfigError, match="another replay"):
        begun(tmp_path / "half", "another digest")
    with claimed(tmp_path / "half"), pytest.raises(ConfigError, match="another replay writes"):
        export(log, tmp_path / "half", "jsonl", Forever)


def test_a_disk_that_cannot_be_written_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="ascii")
    with pytest.raises(ConfigError, match="cannot be written"):
        export(filled(1), tmp_path / "file" / "out", "jsonl", Forever)
    (tmp_path / "out").mkdir()
    with (tmp_path / "out" / f"{TOPIC}.jsonl").open("wb"), folder(tmp_path / "out", "jsonl", {}) as target:
        (tmp_path / "out").rename(tmp_path / "gone")
        with pytest.raises(ConfigError, match="cannot be written"):
            target.take(given_out(filled(1), Selection((TOPIC,)))[0])


def test_types_of_a_parquet_file_are_those_of_the_record(tmp_path: Path) -> None:
    dataset = pytest.importorskip("pyarrow.dataset")
    export(filled(4), tmp_path / "out", "parquet", Forever)
    table = dataset.dataset(tmp_path / "out" / f"{TOPIC}.parquet", format="parquet").to_table()
    kinds = {
        name: str(table.schema.field(name).type) for name in ("total_price", "signed_at", "offset", "at")
    }
    assert kinds == {
        "total_price": "decimal128(16, 2)",
        "signed_at": "timestamp[us, tz=UTC]",
        "offset": "int64",
        "at": "timestamp[ms, tz=UTC]",
    }
    (first, *_) = table.to_pylist()
    assert first["parties"][0]["id_no"] == "411499********0015"
    assert first["total_price"] == sale(0)["total_price"]


# -- pace and commands -------------------------------------------------------------------------------------------------------


def test_the_pace_is_kept_and_lost_time_is_not_made_up_for() -> None:
    now = 100.0

    def sleep(seconds: float) -> None:
        nonlocal now
        now += seconds

    pace = Pace(100, lambda: now, sleep)
    for _ in range(500):
        pace.spend()
    assert 104.9 <= now <= 105.1
    now += 60
    for _ in range(100):
        pace.spend()
    assert 165.8 <= now <= 166.2, "a burst followed"


def test_a_command_is_given_lines_and_its_failure_is_told(tmp_path: Path) -> None:
    log = filled(9)
    out = tmp_path / "lines"
    program = "import sys; open(sys.argv[1], 'w').write(sys.stdin.read())"
    with fed([sys.executable, "-c", program, str(out)]) as target:
        for one in given_out(log, Selection((TOPIC,))):
            target.take(one)
    assert len([json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]) == 9
    with pytest.raises(CommandFailed, match="ended with 3"), fed([sys.executable, "-c", "exit(3)"]):
        pass
    with pytest.raises(ConfigError, match="cannot be run"), fed(["no-such-command"]):
        pass


def test_a_command_that_ends_early_is_told() -> None:
    chosen = Chosen(Record(TOPIC, 0, 0, 0, b"k", b"x" * 100, ()), None, "y" * 4000)

    def feed() -> None:
        with fed([sys.executable, "-c", "exit(0)"]) as target:
            for _ in range(100_000):
                target.take(chosen)

    with pytest.raises(CommandFailed, match="before it had everything"):
        feed()
