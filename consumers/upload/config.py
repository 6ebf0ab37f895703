"""What an operator says of the upload: routes by county and date, where each route ends, what to do with gaps.

::

    store: /data/upload                # the ledger, and a folder for each channel
    ways:
      city: {}                         # files: a carrier takes them from <store>/city.<county>/outbox
      province: {url: "https://…", key: province.key}
    routes:
      "411481":                        # 永城: straight to the province since 2021; all others through the city
        - {from: 2021-01-01, via: province}
    incomplete: withhold               # or send, with placeholders
    require: {unit: [BDCDYDM]}         # items that must be there beyond those that the exchange itself requires
    placeholders: {BDCDYDM: "/"}

Paths are relative to the file. Unknown keys, counties and items are refused.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Annotated, Literal, NamedTuple, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, model_validator

from broker.batches import Channel, Direction, read_key
from broker.errors import ConfigError
from broker.settings import is_loopback
from consumers.upload.items import SUBJECTS, aliases
from schemas.terms import County, Model, PolicyError, Term, frozen, in_force, read_policy

EXAMPLE = Path("docs/upload.md")
Via = Literal["city", "province"]


class Leg(Term):
    """From which day on a county's filings go which way; of several in force the last in the file counts."""

    via: Via


class Way(Model):
    """Where a route ends. Without ``url`` it is files alone. ``key``: both ends' HMAC key, a file of mode 0600."""

    url: str | None = None
    key: Path | None = None
    ca: Path | None = Field(
        default=None, description="PEM: whom to trust instead of the system's authorities"
    )

    @model_validator(mode="after")
    def _guarded(self) -> Self:
        if self.url is None:
            return self
        parts = urlsplit(self.url)
        if parts.scheme != "https" and not (parts.scheme == "http" and is_loopback(parts.hostname or "")):
            raise ValueError("url is not encrypted: use https, or a loopback address")
        if self.key is None:
            raise ValueError("a way with a url needs a key: openssl rand -hex 32 > FILE; chmod 600 FILE")
        return self


class UploadFile(Model):
    """The file as it is written."""

    store: Path
    ways: Mapping[Via, Way]
    routes: Annotated[Mapping[County, tuple[Leg, ...]], AfterValidator(frozen)] = {}
    incomplete: Literal["withhold", "send"] = "withhold"
    require: Annotated[Mapping[str, tuple[str, ...]], AfterValidator(frozen)] = {}
    placeholders: Annotated[Mapping[str, str], AfterValidator(frozen)] = {}
    batch_records: int = Field(default=2000, ge=1, le=50_000)
    timely_hours: float = Field(default=24.0, gt=0)

    @model_validator(mode="after")
    def _all_known(self) -> Self:
        used = {"city"} | {leg.via for legs in self.routes.values() for leg in legs}
        if lacking := sorted(used - set(self.ways)):
            raise ValueError(f"ways has no {' and no '.join(lacking)}, which a route uses")
        for subject, names in self.require.items():
            if subject not in SUBJECTS:
                raise ValueError(f"require: {subject} is not uploaded; there are {', '.join(SUBJECTS)}")
            if unknown := sorted(set(names) - aliases(subject)):
                raise ValueError(f"require: {subject} has no item {', '.join(unknown)}")
        known = frozenset().union(*map(aliases, SUBJECTS))
        if unknown := sorted(set(self.placeholders) - known):
            raise ValueError(f"placeholders: there is no item {', '.join(unknown)}")
        if empty := sorted(name for name, value in self.placeholders.items() if not value.strip()):
            raise ValueError(f"placeholders: {', '.join(empty)} is empty, and no national item may be")
        return self


class Route(NamedTuple):
    """A channel in the upload's words."""

    via: str
    county: str

    @property
    def channel(self) -> Channel:
        """``province.411481``; the letter of a local county code becomes small."""
        return Channel(f"{self.via}.{self.county.lower()}", Direction.OUT)


@dataclass(frozen=True, slots=True)
class Upload:
    """The configuration, with its paths resolved and its keys read."""

    file: UploadFile
    store: Path
    keys: Mapping[str, bytes | None]

    def route(self, county: str, day: date) -> Route:
        """The route of a filing: that of its county on its day."""
        leg = in_force(self.file.routes.get(county, ()), day)
        return Route("city" if leg is None else leg.via, county)

    def folder(self, route: Route) -> Path:
        """The writing end of a channel."""
        return self.store / route.channel.name

    @property
    def ledger(self) -> Path:
        """Where the ledger lies."""
        return self.store / "ledger.sqlite"


def load_upload(path: Path) -> Upload:
    """Read a configuration. Raises ConfigError with all that is wrong in it."""
    try:
        found = read_policy(path, UploadFile, EXAMPLE)
    except PolicyError as error:
        raise ConfigError(str(error)) from None
    base = path.resolve().parent
    ways = {
        name: way.model_copy(update={"key": _under(base, way.key), "ca": _under(base, way.ca)})
        for name, way in found.ways.items()
    }
    keys: dict[str, bytes | None] = {name: read_key(way.key) for name, way in ways.items()}
    return Upload(found.model_copy(update={"ways": ways}), base / found.store, keys)


def _under(base: Path, path: Path | None) -> Path | None:
    return None if path is None else base / path
