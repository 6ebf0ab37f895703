"""Opening the protected values of records that were read from ``latest``, so that queries meet them in clear or erased.

The keys are read in the transaction that read the records, and are forgotten with it: what is erased by now is erased in
the answer.
"""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from broker.keys.data_key import DataKey, unwrapped
from broker.keys.master import MasterKey, read_master_key
from broker.keys.store import BY_ID, missing, wrapped_keys
from broker.protected import clear, erased, is_sealed
from broker.query.records import Record

Rows = Callable[[bytes, dict[str, Any]], Awaitable[Sequence[tuple[Any, ...]]]]
Held = tuple[Record, str]


class Unsealing:
    """The master key, read when the first sealed value is met."""

    def __init__(self, master_file: Path | None) -> None:
        self._master_file = master_file

    @cached_property
    def _master(self) -> MasterKey:
        return read_master_key(self._master_file)

    async def open(self, values: Iterable[Held], rows: Rows) -> None:
        """Open these values where they stand. ``rows`` answers a statement.

        Raises ConfigError if a key or the master key is not to be had, UnreadableValue for a value that was changed.
        """
        sealed = [(holder, name) for holder, name in values if holder[name] and is_sealed(holder[name])]
        if not sealed:
            return
        keys = await self._keys({holder[name]["key_id"] for holder, name in sealed}, rows)
        for holder, name in sealed:
            envelope = holder[name]
            key = keys[envelope["key_id"]]
            text = None if key is None else key.open(envelope["nonce"], envelope["ciphertext"])
            holder[name] = erased() if text is None else clear(text)

    async def _keys(self, key_ids: set[str], rows: Rows) -> dict[str, DataKey | None]:
        found = wrapped_keys(await rows(BY_ID, {"key_ids": sorted(key_ids)}))
        keys = {row.key_id: unwrapped(row, self._master) for row in found}
        if lost := key_ids - keys.keys():
            raise missing(min(lost))
        return keys
