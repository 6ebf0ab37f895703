"""Where the exchange runs, and who we are to it.

A *site* is either the embedded stack of this home, or existing servers that the environment names (as soon as
``QIANBEI_KAFKA_BOOTSTRAP`` is set). Both keep one password a file:

    <secrets>/kafka/<user>      of a principal or a service
    <secrets>/postgres/<role>   of a Postgres role
    <secrets>/party.key         the HMAC key of ``party_ref``: never rotated, so back it up
    <secrets>/master.key        wraps the keys of persons (docs/erasure.md): lost, what is encrypted is lost; back it up,
                                but never together with the database
    <secrets>/line/             certificates and keys of the dedicated line, if there is one
    <secrets>/audit/signing.key    signs checkpoints; ``<key id>.pub`` beside it: what they are verified with
    <secrets>/ports.json        where each instance of the front door listens: chosen once, since clients are told

with ``<secrets>`` = ``QIANBEI_SECRETS``, by default ``secrets/`` in the home.
"""

import json
import os
import secrets
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urlsplit, urlunsplit

from pydantic import SecretStr, ValidationError

from broker.audit.keys import key_of
from broker.deploy import Deployed, deploy, kafka_users
from broker.errors import ConfigError
from broker.settings import Settings, installation_in, load_settings, wrong
from broker.store.roles import KEYS, ROLES
from broker.topics import ADMISSION, API, AUDIT, FILLER, OPERATOR, ROUTING
from qianbei.stack import Stack, home_from_env
from qianbei.stack.home import Home, read_json, write_private
from qianbei.stack.ports import free_port
from schemas.catalogue import Catalogue
from schemas.installation import Installation
from schemas.said import said

PORTS = "ports.json"
OPERATORS = ("QIANBEI_API_", "QIANBEI_ENTITLEMENTS", "QIANBEI_ENCRYPTION")
"""What the environment may say of an embedded site."""
SEALS, OPENS = frozenset({ADMISSION, API}), frozenset({ROUTING, FILLER, OPERATOR})
"""Who is given the master key: those who reach the wrapped keys by their own role, and those who need ``qb_keys`` for it."""


@dataclass(frozen=True, slots=True)
class Site:
    """The servers as their administrator sees them, and the folder of everybody's passwords."""

    admin: Settings
    secrets: Path

    def kafka_password(self, user: str) -> str:
        """Raises ConfigError if this user was never deployed here."""
        return _read(self.secrets / "kafka" / user)

    def listening_port(self, name: str, instance: int) -> int:
        """The port of an instance of the front door: QIANBEI_API_PORT counted on by instance, else a free one, kept."""
        if self.admin.api_port is not None:
            return self.admin.api_port + instance
        known = self.listening_ports()
        if name not in known:
            known[name] = free_port()
            write_private(self.secrets / PORTS, json.dumps(known, indent=1))
        return known[name]

    def listening_ports(self) -> dict[str, int]:
        """The ports chosen so far, by instance."""
        return read_json(self.secrets / PORTS) or {}

    def front_doors(self) -> tuple[str, ...]:
        """The addresses of the front door's instances, as far as they were started from here."""
        if self.admin.api_port is not None:
            return (self.admin.front_door().url,)
        ports = sorted(self.listening_ports().items())
        return tuple(self.admin.model_copy(update={"api_port": port}).front_door().url for _, port in ports)

    def settings(self, user: str, *, role: str | None = None, instance: str = "0") -> Settings:
        """What a process of this Kafka user (and Postgres role) is given."""
        own = {
            "instance": instance,
            "party_key_file": self.secrets / "party.key",
            "postgres_dsn": None if role is None else self._login(role),
            "audit_key_file": self.secrets / "audit" / "signing.key" if user == AUDIT else None,
            "master_key_file": self.secrets / "master.key" if user in SEALS | OPENS else None,
            "keys_dsn": self._keys() if user in OPENS else None,
        }
        return self.admin.as_user(user, self.kafka_password(user)).model_copy(update=own)

    def _keys(self) -> SecretStr | None:
        """Where wrapped keys are read; None on a machine that is not given that login, and opens nothing."""
        given = self.admin.postgres_dsn is not None and (self.secrets / "postgres" / KEYS).exists()
        return self._login(KEYS) if given else None

    def _login(self, role: str) -> SecretStr:
        return SecretStr(_with_login(self.admin.dsn(), role, _read(self.secrets / "postgres" / role)))


def environment_of(settings: Settings) -> dict[str, str]:
    """The variables from which ``load_settings`` reads these settings again."""
    found = {"SCHEMA_REGISTRY_URL": settings.registry_url}
    for name, value in settings.model_dump(exclude={"registry_url"}).items():
        if value is not None:
            secret = getattr(value, "get_secret_value", None)
            found[f"QIANBEI_{name.upper()}"] = str(secret() if secret else value)
    return found


def current_site(environ: Mapping[str, str] = os.environ, home: Path | None = None) -> Site:
    """The site that the environment names, else the embedded stack of ``home``. Raises ConfigError or StackError."""
    root = home or home_from_env(environ)
    folder = secrets_from_env(root, environ)
    if "QIANBEI_KAFKA_BOOTSTRAP" in environ:
        return Site(load_settings(), folder)
    # The embedded stack knows its servers; where the front door listens is the operator's to say.
    own = {name: value for name, value in environ.items() if name.startswith(OPERATORS)}
    return Site(settings_from(Stack(root).settings_env() | own), folder)


def known_installation(environ: Mapping[str, str] = os.environ) -> Installation:
    """What this machine knows without asking any server: what is shipped, and the site's files if they are here.

    An agency's machine has the file of its own principal at most. Raises ConfigError for a file that is wrong.
    """
    folder: Path | None = Home(home_from_env(environ)).entitlements
    if "QIANBEI_ENTITLEMENTS" in environ:
        folder = Path(environ["QIANBEI_ENTITLEMENTS"])
    elif "QIANBEI_KAFKA_BOOTSTRAP" in environ or not (folder and folder.exists()):
        folder = None
    return installation_in(folder)


def known_catalogue(environ: Mapping[str, str] = os.environ) -> Catalogue:
    """The principals that this machine knows. Raises as ``known_installation``."""
    return known_installation(environ).catalogue


def secrets_from_env(home: Path, environ: Mapping[str, str] = os.environ) -> Path:
    """The folder of everybody's passwords and keys."""
    return Path(environ.get("QIANBEI_SECRETS") or home / "secrets")


def settings_of(user: str, environ: Mapping[str, str] = os.environ) -> Settings:
    """How one principal reaches the exchange: by the login in the environment if it is his, else by this site's secrets.

    The first is an agency's machine (``qianbei connection --format env``), the second the exchange's own.
    """
    by_certificate = environ.get("QIANBEI_KAFKA_SECURITY") == "SSL"
    is_given = by_certificate or "QIANBEI_KAFKA_PASSWORD" in environ
    if environ.get("QIANBEI_KAFKA_USERNAME") == user and is_given:
        return load_settings()
    return current_site(environ).settings(user)


def settings_from(environ: Mapping[str, str]) -> Settings:
    """Settings from a mapping instead of the process's environment. Raises ConfigError naming each variable that is wrong."""
    values = {
        name.removeprefix("QIANBEI_").lower(): value
        for name, value in environ.items()
        if name.startswith("QIANBEI_")
    }
    try:
        return Settings.model_validate(values | {"SCHEMA_REGISTRY_URL": environ["SCHEMA_REGISTRY_URL"]})
    except ValidationError as error:
        raise wrong(error) from None


def deploy_site(site: Site, installation: Installation | None = None, live: Collection[str] = ()) -> Deployed:
    """Make every missing password, then bring the servers up to the installation; None: as the site's files now are.

    New topics of ``live`` are not filled from history.
    """
    installation = installation or site.admin.installation()
    _make_private(site.secrets)
    users = {user: _make_secret(site.secrets / "kafka" / user) for user in kafka_users(installation)}
    roles = {role: _make_secret(site.secrets / "postgres" / role) for role in ROLES}
    _make_secret(site.secrets / "party.key")
    _make_secret(site.secrets / "master.key")
    publish_key(site.secrets / "audit", _make_secret(site.secrets / "audit" / "signing.key"))
    return deploy(site.admin, installation, users, roles, live)


def publish_key(folder: Path, seed: str) -> str:
    """Keep the public half of a signing key beside it, for ever, and give the key's id."""
    key = key_of(seed)
    (folder / f"{key.key_id}.pub").write_text(key.public.hex() + "\n", encoding="ascii")
    return key.key_id


def _make_private(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    for name in ("kafka", "postgres", "audit"):
        (folder / name).mkdir(exist_ok=True, mode=0o700)


def _make_secret(path: Path) -> str:
    """The secret in ``path``, made on first use. Hexadecimal, so that it needs no quoting anywhere."""
    if path.exists():
        return _read(path)
    made = secrets.token_hex(32)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(made + "\n")
    return made


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii").strip()
    except OSError as error:
        raise ConfigError(
            said(
                "the secret {path} cannot be read ({strerror}): run `qianbei deploy` first",
                path=path,
                strerror=error.strerror,
            )
        ) from None


def _with_login(dsn: str, user: str, password: str) -> str:
    parts = urlsplit(dsn)
    host = parts.netloc.rsplit("@", 1)[-1]
    return urlunsplit(parts._replace(netloc=f"{quote(user)}:{quote(password)}@{host}"))
