"""The configuration of a poller: which table, how news is found in it, and what becomes of a row.

    url_env: FILING_DB_URL                # or url_file; never the address itself, which holds a password
    mode: watermark                       # or outbox
    table: unit                           # or query: SELECT …
    key: house_code
    watermark: updated_at
    overlap_s: 900                        # longer than any transaction of the filing system
    events: {new: REGISTERED, changed: CHANGED, deleted: WITHDRAWN}
    mapping: {subject: unit, event_type: REGISTERED, columns: {...}}       # as for `qianbei import`

With ``mode: outbox`` the table is the outbox: ``id``, ``xid`` (Postgres), ``key``, ``event_type``, ``payload``.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from broker.errors import ConfigError
from producers.stock.mapping import StockMapping, parse_mapping
from schemas.catalogue import Catalogue
from schemas.said import said

Mode = Literal["watermark", "outbox"]


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Events(_Model):
    """What happened to a row. Either by whether it is known (``new``, ``changed``), or by what a column says.

    ``deleted``: the event of a row that is gone; without it such rows are only reported. ``before``: events that an
    entity which is new must have had first, such as FILED: [SIGNED].
    """

    new: str | None = None
    changed: str | None = None
    deleted: str | None = None
    column: str | None = None
    codes: Mapping[str, str] = {}
    before: Mapping[str, tuple[str, ...]] = {}

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.column is None) == (self.new is None):
            raise ValueError("say either new and changed, or column and codes")
        if self.column is None and self.changed is None:
            raise ValueError("changed: missing; say which event a changed row is")
        if self.column is not None and not self.codes:
            raise ValueError("codes: missing; say which word of the column is which event")
        return self

    def named(self) -> set[str]:
        """All event types that may come of it."""
        found = {self.new, self.changed, self.deleted, *self.codes.values(), *self.before}
        return {name for name in found if name} | {name for names in self.before.values() for name in names}


class PollConfig(_Model):
    """A configuration file. ``every_s`` and ``reconcile_every_s`` are pauses between polls and between whole scans."""

    url_env: str | None = None
    url_file: Path | None = None
    mode: Mode
    table: str | None = Field(default=None, pattern=r"^[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)?$")
    query: str | None = None
    key: str | None = None
    watermark: str | None = None
    overlap_s: float = Field(default=900, ge=0)
    begin: Literal["everything", "changes"] = "everything"
    events: Events | None = None
    every_s: float = Field(default=1.0, gt=0)
    reconcile_every_s: float = Field(default=3600, gt=0)
    mapping: Mapping[str, Any]

    @model_validator(mode="after")
    def _fits_its_mode(self) -> Self:
        if (self.url_env is None) == (self.url_file is None):
            raise ValueError("say where the address is: url_env (a variable) or url_file (mode 0600)")
        if self.mode == "outbox":
            if self.table is None or self.query is not None:
                raise ValueError("table: name the outbox table")
            return self
        if (self.table is None) == (self.query is None):
            raise ValueError("say what is read: table or query")
        missing = [name for name in ("key", "watermark", "events") if getattr(self, name) is None]
        if missing:
            raise ValueError(f"{', '.join(missing)}: missing; mode watermark needs them")
        return self

    def url(self, environ: Mapping[str, str] = os.environ) -> URL:
        """The address of the database. Raises ConfigError, which does not show it."""
        if self.url_env is not None:
            where, text = f"the variable {self.url_env}", environ.get(self.url_env, "")
        else:
            assert self.url_file is not None
            where, text = str(self.url_file), _private_text(self.url_file)
        try:
            return make_url(text.strip())
        except ArgumentError:
            raise ConfigError(
                said(
                    "{where} holds no address: write postgresql+psycopg://user:password@host/database, "
                    "or as SQLAlchemy names another database",
                    where=where,
                )
            ) from None


def read_config(path: Path, catalogue: Catalogue, source: str) -> tuple[PollConfig, StockMapping]:
    """The configuration of a file, and its mapping. Raises ConfigError with all that is wrong."""
    try:
        content: Any = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigError(
            said("{path} cannot be read as YAML in UTF-8: {error}", path=path, error=error)
        ) from None
    try:
        config = PollConfig.model_validate(content)
    except ValidationError as error:
        lines = [f"{'.'.join(map(str, e['loc'])) or 'the file'}: {e['msg']}" for e in error.errors()]
        raise ConfigError("\n".join(f"{path.name}: {line}" for line in lines)) from None
    mapping = parse_mapping(dict(config.mapping), f"{path.name}: mapping")
    sends = catalogue.principal(source).sends.get(mapping.subject, frozenset())
    wrong = sorted((config.events.named() if config.events else set()) - set(sends))
    if wrong:
        raise ConfigError(
            said(
                "{name}: events: {source} does not send {wrong} of {subject}; it sends {value}",
                name=path.name,
                source=source,
                wrong=", ".join(wrong),
                subject=mapping.subject,
                value=", ".join(sorted(sends)) or "nothing",
            )
        )
    return config, mapping


def _private_text(path: Path) -> str:
    try:
        if path.stat().st_mode & 0o077:
            raise ConfigError(said("{path} can be read by others: chmod 600 {path}", path=path))
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(
            said("{path} cannot be read: {strerror}", path=path, strerror=error.strerror)
        ) from None
