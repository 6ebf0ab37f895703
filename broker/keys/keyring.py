"""The keys of a reader: fetched from Postgres as they are met, kept for a while.

Nothing is connected and no master key is read until a value is met that is not in clear, so a reader of an exchange
without encryption needs neither. A destroyed key is remembered as such; one that is destroyed later is forgotten within
``KEPT_S``.
"""

import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

import psycopg

from broker.errors import ConfigError
from broker.keys.data_key import DataKey, WrappedKey, unwrapped
from broker.keys.master import MasterKey, read_master_key
from broker.keys.store import keys_from, missing
from broker.settings import Settings
from broker.store.connect import Connection, translated
from schemas.files import CLEAR, ERASED
from schemas.said import said

KEPT_S = 300.0
MOST = 50_000
MOST_TEXTS = 32
"""Of one key. A bank's key opens a million values, of which none is kept for long."""

_CLEAR, _ERASED = CLEAR.encode(), ERASED.encode()


class _Kept(NamedTuple):
    row: WrappedKey
    until: float


class _InUse(NamedTuple):
    """A key with what was opened by it lately: a value is wanted in clear and masked, and again in the next revision."""

    key: DataKey | None
    until: float
    texts: dict[bytes, str]


class Keyring:
    """Opens envelopes. Use it within ``with``, or close it: it keeps one connection."""

    def __init__(
        self, dsn: str | None, master_file: Path | None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._dsn = dsn
        self._master_file = master_file
        self._clock = clock
        self._master: MasterKey | None = None
        self._db: Connection | None = None
        self._fetched: OrderedDict[str, _Kept] = OrderedDict()
        self._keys: OrderedDict[bytes, _InUse] = OrderedDict()

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """The keyring of a process, as it is configured."""
        dsn = settings.keys_dsn
        return cls(None if dsn is None else dsn.get_secret_value(), settings.master_key_file)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the connection; the next key that is missing makes another."""
        if self._db is not None:
            self._db.close()
            self._db = None

    def open(self, envelope: Mapping[str, Any]) -> str | None:
        """The value of an envelope, as ``open_sealed``."""
        return self.open_sealed(envelope["key_id"].encode(), envelope["nonce"], envelope["ciphertext"])

    def open_sealed(self, key_id: bytes, nonce: bytes, ciphertext: bytes) -> str | None:
        """The value of an envelope's three parts; None if it was erased or its key destroyed.

        Raises UnreadableValue for bytes that were changed, ConfigError if the key or the master key is not to be had
        here, Unavailable or AccessDenied if Postgres does not answer or refuses.
        """
        if key_id == _CLEAR:
            return ciphertext.decode()
        if key_id == _ERASED:
            return None
        key, _, texts = self._key(key_id)
        if key is None:
            return None
        sealed = nonce + ciphertext
        text = texts.get(sealed)
        if text is None:
            if len(texts) >= MOST_TEXTS:
                texts.clear()
            text = texts[sealed] = key.open(nonce, ciphertext)
        return text

    def _key(self, key_id: bytes) -> _InUse:
        found = self._keys.get(key_id)
        if found is None or found.until < self._clock():
            row, until = self._row(key_id.decode())
            found = self._keys[key_id] = _InUse(unwrapped(row, self._master_key()), until, {})
            _forget_oldest(self._keys)
        return found

    def _row(self, key_id: str) -> _Kept:
        kept = self._fetched.get(key_id)
        if kept is None or kept.until < self._clock():
            self._fetch(key_id)
            kept = self._fetched.get(key_id)
        if kept is None or kept.until < self._clock():
            raise missing(key_id)
        return kept

    def _fetch(self, key_id: str) -> None:
        if self._dsn is None:
            raise ConfigError(
                said("a value is encrypted and no key table is configured: set QIANBEI_KEYS_DSN")
            )
        with translated(self._dsn):
            try:
                rows = keys_from(self._connection(self._dsn), key_id)
            except psycopg.Error:
                self.close()
                raise
        until = self._clock() + KEPT_S
        for row in rows:
            self._fetched[row.key_id] = _Kept(row, until)
        _forget_oldest(self._fetched)

    def _connection(self, dsn: str) -> Connection:
        if self._db is None:
            self._db = psycopg.connect(
                dsn, application_name="qianbei keys", connect_timeout=10, autocommit=True
            )
        return self._db

    def _master_key(self) -> MasterKey:
        if self._master is None:
            self._master = read_master_key(self._master_file)
        return self._master


def _forget_oldest(kept: OrderedDict[Any, Any]) -> None:
    while len(kept) > MOST:
        kept.popitem(last=False)
