"""What encryption costs a single record, in processor time of one process: writing a sale, and cutting it for its departments.

``python -m benchmarks.sealing`` prints one JSON object: for each setting, in microseconds a record, ``write`` (sealing and
encoding) and ``route`` (cutting for every department that may see sales), of persons whose keys are at hand and of persons
met for the first time (``…_new``: their keys are made and wrapped, or unwrapped), and the record's bytes.
"""

import argparse
import gc
import json
import time
from collections.abc import Callable, Mapping
from io import BytesIO
from typing import Any

import fastavro

from benchmarks.sales import SaleWriter
from broker.codec import HEADER_BYTES, Released, encoder
from broker.kafka import Record as KafkaRecord
from broker.keys.ciphers import Algorithm
from broker.keys.data_key import DataKey, WrappedKey, new_key, unwrapped
from broker.keys.master import MasterKey
from broker.keys.places import places_of_subject
from broker.protected import present
from broker.routing.plan import Route, make_route
from schemas.files import latest_version, load_schema, parsed
from schemas.installation import load_installation

RECORDS = 2_000
_ID = 1
Record = dict[str, Any]
Key = tuple[DataKey, WrappedKey]


class Bench:
    """One setting: ``algorithm`` None is ``off``."""

    def __init__(self, algorithm: Algorithm | None) -> None:
        self._algorithm = algorithm
        self._master = MasterKey(bytes(32))
        self._encode = encoder(_ID, parsed("sale", latest_version("sale")))
        ((self._list, self._fields),) = places_of_subject("sale").lists
        self._rows: dict[str, WrappedKey] = {}
        self._keys: dict[str, DataKey] = {}

    def run(self, records: list[Record]) -> dict[str, float]:
        """Microseconds a record, and bytes."""
        fresh, write_new = _timed(lambda one: self._write(one, self._made(one)), records)
        known = [self._made(one) for one in records]
        pairs = dict(zip(map(id, records), known, strict=True))
        _, write = _timed(lambda one: self._write(one, pairs[id(one)]), records)
        route = self._route()
        _, route_new = _timed(lambda value: route.messages(_record(value)), fresh)
        _, again = _timed(lambda value: route.messages(_record(value)), fresh)
        size = sum(map(len, fresh)) / len(fresh)
        return {
            "write": write,
            "write_new": write_new,
            "route": again,
            "route_new": route_new,
            "bytes": round(size),
        }

    def _made(self, record: Record) -> list[Key]:
        if self._algorithm is None:
            return []
        keys = [new_key("somebody", self._algorithm, self._master) for _ in record[self._list]]
        self._rows |= {key.key_id: row for key, row in keys}
        return keys

    def _write(self, record: Record, keys: list[Key]) -> bytes:
        if not keys:
            return self._encode(record)
        items = [
            one | {name: key.seal(one[name]) for name in self._fields if one[name]}
            for one, (key, _) in zip(record[self._list], keys, strict=True)
        ]
        return self._encode(record | {self._list: items})

    def _route(self) -> Route:
        newest, version = load_schema("sale", latest_version("sale")), latest_version("sale")
        outputs = [(grant, 1) for grant in load_installation(None).grants if grant.subject == "sale"]
        return make_route(
            newest, [Released("sale", version, _ID, parsed("sale", version))], outputs, self._open
        )

    def _open(self, envelope: Mapping[str, Any]) -> str | None:
        key_id = envelope["key_id"]
        if key_id not in self._rows:
            return present(envelope)
        if key_id not in self._keys:
            key = unwrapped(self._rows[key_id], self._master)
            assert key is not None
            self._keys[key_id] = key
        return self._keys[key_id].open(envelope["nonce"], envelope["ciphertext"])


def _record(value: bytes) -> KafkaRecord:
    return KafkaRecord("exchange.sale", 0, 0, 0, b"k", value, ())


def _timed(work: Callable[[Any], Any], given: list[Any]) -> tuple[list[Any], float]:
    gc.collect()
    gc.disable()  # as timeit does: what is collected here is what the measure itself keeps
    try:
        begun = time.process_time()
        made = [work(one) for one in given]
        return made, round((time.process_time() - begun) / len(given) * 1e6, 1)
    finally:
        gc.enable()


def sales(count: int) -> list[Record]:
    """So many sales as compaction's benchmark has them, each of its own contract."""
    schema: Any = parsed("sale", latest_version("sale"))
    events = SaleWriter(load_schema("sale", 1), _ID, 2021).events(count, count)
    return [fastavro.schemaless_reader(BytesIO(one.value[HEADER_BYTES:]), schema, None) for one in events]  # type: ignore[misc]


def main() -> None:
    """Measure every setting in each round, and print the least of each figure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=RECORDS)
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    records = sales(given.records)
    settings: dict[str, Algorithm | None] = {"off": None, **{one.value: one for one in Algorithm}}
    rounds = [
        {name: Bench(algorithm).run(records) for name, algorithm in settings.items()}
        for _ in range(given.rounds)
    ]
    least = {
        name: {figure: min(one[name][figure] for one in rounds) for figure in rounds[0][name]}
        for name in settings
    }
    print(json.dumps(least))


if __name__ == "__main__":
    main()
