"""Readers on a real key table: they open what they meet, and say which key is missing; queries likewise."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from broker.errors import ConfigError, Unavailable
from broker.keys.ciphers import Algorithm
from broker.keys.data_key import DataKey, new_key
from broker.keys.keyring import KEPT_S, Keyring
from broker.keys.master import read_master_key
from broker.keys.places import places_of_subject
from broker.keys.store import READ_AHEAD, add, destroy, hold, live_keys, retire
from broker.protected import clear, party_ref
from broker.store.connect import Connection
from qianbei.erasure.holdings import holdings
from qianbei.erasure.person import refs_of
from qianbei.verify.keys import GONE, KeyTable, Sealed
from schemas.files import FOLDER, latest_version, load_schema
from schemas.jsonform import from_json
from schemas.retention import erasable
from tests.support.latest import KEY, Latest, example_json, latest_on

TEXT = "张示例"


@pytest.fixture(scope="module")
def master_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("secrets") / "master.key"
    file.write_text("5a" * 32)
    return file


@pytest.fixture
def keys(db: Connection, master_file: Path) -> Iterator[list[DataKey]]:
    """Keys of both algorithms, in the order in which they were made; more than a reader fetches at once."""
    master = read_master_key(master_file)
    kinds = [Algorithm.AES, Algorithm.SM4] * (READ_AHEAD // 2 + 2)
    made = [new_key(f"owner-{n:04d}", algorithm, master) for n, algorithm in enumerate(kinds)]
    for at in range(0, len(made), 100):
        add(db, [row for _, row in made[at : at + 100]])
    yield [key for key, _ in made]
    db.execute("DELETE FROM keys.person_key")


def opened(keyring: Keyring | KeyTable, key: DataKey) -> Any:
    return keyring.open(key.seal(clear(TEXT)))


def test_a_reader_opens_what_it_meets_and_fetches_ahead(
    dsn: str, master_file: Path, keys: list[DataKey]
) -> None:
    with Keyring(dsn, master_file) as keyring:
        assert [opened(keyring, key) for key in keys] == [TEXT] * len(keys)
    table = KeyTable(dsn, master_file)
    assert [opened(table, key) for key in keys] == [TEXT] * len(keys), "verify opens them by its own code"


def test_a_destroyed_key_is_an_answer_soon_and_for_ever(
    dsn: str, db: Connection, master_file: Path, keys: list[DataKey]
) -> None:
    time = [0.0]
    with Keyring(dsn, master_file, lambda: time[0]) as keyring:
        assert opened(keyring, keys[0]) == TEXT
        with db.transaction():
            retire(db, {"owner-0000"}, "e")
        with db.transaction():
            destroy(db, {"owner-0000", "owner-0001"}, "e")
        assert opened(keyring, keys[0]) == TEXT, "kept for a while"
        time[0] = KEPT_S + 1
        assert opened(keyring, keys[0]) is None
        assert opened(keyring, keys[1]) == TEXT, "was not retired, and so not destroyed"
    table = KeyTable(dsn, master_file)
    assert (opened(table, keys[0]) is GONE, opened(table, keys[1]), table.gone) == (True, TEXT, 1)


def test_a_key_that_is_not_there_is_named(dsn: str, master_file: Path) -> None:
    lost, _ = new_key("nobody", Algorithm.AES, read_master_key(master_file))
    with Keyring(dsn, master_file) as keyring, pytest.raises(ConfigError, match=lost.key_id):
        opened(keyring, lost)
    with pytest.raises(Sealed, match=lost.key_id):
        opened(KeyTable(dsn, master_file), lost)
    with Keyring(None, master_file) as keyring, pytest.raises(ConfigError, match="QIANBEI_KEYS_DSN"):
        opened(keyring, lost)


def test_another_master_key_opens_nothing(dsn: str, tmp_path: Path, keys: list[DataKey]) -> None:
    other = tmp_path / "other.key"
    other.write_text("a5" * 32)
    with Keyring(dsn, other) as keyring, pytest.raises(ConfigError, match="another exchange's"):
        opened(keyring, keys[0])
    with pytest.raises(Sealed):
        opened(KeyTable(dsn, other), keys[0])


def test_a_server_that_is_away_is_the_environments_fault(master_file: Path, keys: list[DataKey]) -> None:
    nowhere = "postgresql://nobody:x@127.0.0.1:9/nothing"
    with Keyring(nowhere, master_file) as keyring, pytest.raises(Unavailable):
        opened(keyring, keys[0])


def test_a_key_is_not_retired_while_a_batch_seals_under_it(
    db: Connection, other: Connection, keys: list[DataKey]
) -> None:
    """Else what the batch commits would be sealed under a key that is about to be destroyed."""
    assert keys
    with db.transaction():
        before = hold(db)
        with pytest.raises(psycopg.errors.LockNotAvailable), other.transaction():
            retire(other, {"owner-0002"}, "e")
    with other.transaction():
        assert retire(other, {"owner-0002"}, "e") == 1
    with db.transaction():
        assert hold(db) == before + 1, "whoever remembers keys learns that some are not live any more"
        assert live_keys(db, {"owner-0002"}, Algorithm.AES) == []


def test_clear_values_need_no_keys() -> None:
    with Keyring(None, None) as keyring:
        assert keyring.open(clear(TEXT)) == TEXT
        assert keyring.open({"key_id": "erased", "nonce": b"", "ciphertext": b""}) is None


# --- queries ------------------------------------------------------------------------------------------------------------

BUYER = {"id_type": "1", "id_no": "411499199003070015"}


def sealed_sale(key: DataKey) -> dict[str, Any]:
    """An example whose buyers are encrypted, and whose sellers are not."""
    schema = load_schema("sale", latest_version("sale"))
    given = example_json("sale", "existing-home") | {"revision": 1}
    record: dict[str, Any] = from_json(schema, given)
    ((_, inner),) = places_of_subject("sale").lists
    for one in record["parties"]:
        if one["role"] == "BUYER":
            one |= {name: key.seal(one[name]) for name in inner if one[name] is not None}
    return record


@pytest.fixture(scope="module")
def latest(dsn: str, master_file: Path) -> Iterator[Latest]:
    with latest_on(dsn, master_file) as one:
        yield one


def test_a_query_opens_what_it_may_show_until_the_key_is_destroyed(
    latest: Latest, db: Connection, keys: list[DataKey]
) -> None:
    sale = sealed_sale(keys[0])
    house = sale["house_code"]
    named = {one["role"]: one["name"]["ciphertext"].decode() for one in from_sale()}
    latest.put_all("sale", [sale])
    assert shown(latest, house) == {role: named[role] for role in ("SELLER", "BUYER")}
    with db.transaction():
        retire(db, {"owner-0000"}, "e")
        destroy(db, {"owner-0000"}, "e")
    assert shown(latest, house) == {"SELLER": named["SELLER"], "BUYER": None}


def test_all_references_of_a_person_are_meant(db: Connection) -> None:
    told = "INSERT INTO admission.fact VALUES ('alias', %s, 'alias', 'A-1', 1, NULL, %s)"
    db.execute(told, ("one", '{"others": "two"}'))
    db.execute(told, ("two", '{"others": "one"}'))
    assert refs_of(db, "one") == {"one", "two"}
    # The alias may be erased by now: an erasure that was given up still knows whom it meant.
    begun = "INSERT INTO keys.erasure (erasure_id, refs, operator, reason) VALUES ('e1', %s, 'o', 'r')"
    db.execute(begun, (["two", "three"],))
    assert refs_of(db, "one") == {"one", "two", "three"}
    db.execute("UPDATE keys.erasure SET finished_at = now() WHERE erasure_id = 'e1'")
    assert refs_of(db, "one") == {"one", "two"}


NAMED = {"id_type": "3", "id_no": "E00004711"}
LISTS = {"title": "holders", "seizure": "debtors", "household": "members"}


def test_whatever_names_a_person_is_found_in_whatever_list(latest: Latest, db: Connection) -> None:
    wanted = {(subject, LISTS.get(subject, "parties")) for subject in erasable()} | {("lease", "occupants")}
    for subject, name in sorted(wanted):
        latest.put(subject, naming(subject, name), entity_id=f"of-{subject}-{name}")
        latest.put(subject, naming(subject, None), entity_id=f"not-of-{subject}-{name}")
    found = holdings(db, {party_ref(KEY, **NAMED)})
    assert {one.entity_id for one in found} == {f"of-{subject}-{name}" for subject, name in wanted}
    assert {one.entity_id for one in found if one.alone} >= {"of-defaulter-parties"}
    assert not [one for one in found if one.alone and one.subject in ("sale", "lease")]


def naming(subject: str, name: str | None) -> dict[str, Any]:
    """An example of a subject that names the person first in one of its lists, or nowhere."""
    folder = FOLDER.parent / "examples" / subject / f"v{latest_version(subject)}"
    texts = [path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.json"))]
    bodies = [json.loads(text) for text in texts]
    body = next((one for one in bodies if name is None or one.get(name)), bodies[0])
    if name is not None:
        body[name] = body.get(name) or example_json("sale", "existing-home")["parties"]
        body[name][0] |= NAMED
    found: dict[str, Any] = {"status": "ACTIVE", **body}
    return found


def from_sale() -> list[dict[str, Any]]:
    schema = load_schema("sale", latest_version("sale"))
    parties: list[dict[str, Any]] = from_json(schema, example_json("sale", "existing-home"))["parties"]
    return parties


def shown(latest: Latest, house: str) -> dict[str, str | None]:
    """The names that a court is answered, by role."""
    answer = latest.ask("court", "everything_on_house", {"house_code": house})
    assert answer.status_code == 200, answer.text
    (sale,) = answer.json()["answer"]["sales"]
    return {one["role"]: one["name"] for one in sale["parties"]}
