"""What the exchange reads from its environment, once, at start. Unknown values are refused, never guessed.

Every variable begins with ``QIANBEI_``, but for ``SCHEMA_REGISTRY_URL``, which other tools use too.
"""

import ipaddress
import os
from pathlib import Path
from typing import Literal, NamedTuple, Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from broker.errors import ConfigError
from schemas.installation import Installation, load_installation
from schemas.policies import Policy, PolicyError, load_policy
from schemas.reckoning import Reckoning, load_reckoning
from schemas.retention import Retention, load_retention
from schemas.said import said
from schemas.shown import EntitlementError
from schemas.sitefiles import SiteFile

Security = Literal["SASL_PLAINTEXT", "SASL_SSL", "SSL", "PLAINTEXT"]


def is_loopback(host: str) -> bool:
    """Whether a host name or address is this machine's loopback."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


class Listen(NamedTuple):
    """An address to listen on; without a certificate it is loopback."""

    host: str
    port: int
    certfile: Path | None
    keyfile: Path | None

    @property
    def url(self) -> str:
        """How clients on this machine, or those who know the host's name, reach it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'https' if self.certfile else 'http'}://{host}:{self.port}"


class Settings(BaseSettings):
    """The three servers, who we are to them, and this instance's name and ports."""

    model_config = SettingsConfigDict(env_prefix="QIANBEI_", frozen=True, extra="ignore")

    kafka_bootstrap: str = Field(description="host:port, several by comma")
    kafka_security: Security = "SASL_PLAINTEXT"
    kafka_username: str | None = None
    kafka_password: SecretStr | None = None
    kafka_cafile: Path | None = None
    kafka_certfile: Path | None = None
    kafka_keyfile: Path | None = None
    postgres_dsn: SecretStr | None = Field(
        default=None, description="postgresql://user:password@host:port/db"
    )
    registry_url: str = Field(validation_alias="SCHEMA_REGISTRY_URL")
    allow_plaintext: bool = Field(default=False, description="permit unencrypted traffic beyond loopback")
    party_key_file: Path | None = Field(
        default=None, description="the HMAC key of party_ref, 32 bytes as hex"
    )
    encryption: Literal["off", "aes-256-gcm", "sm4-gcm"] = Field(
        default="off",
        description="how admission encrypts personal identifiers from now on; what is encrypted stays readable",
    )
    master_key_file: Path | None = Field(
        default=None, description="the key that wraps every person's key, 32 bytes as hex; never in Postgres"
    )
    keys_dsn: SecretStr | None = Field(
        default=None, description="where a reader finds the wrapped keys, by a role that may read only those"
    )
    audit_key_file: Path | None = Field(
        default=None, description="the Ed25519 key that signs checkpoints of the audit log, 32 bytes as hex"
    )
    audit_checkpoint_s: float = Field(
        default=60.0,
        gt=0,
        description="seconds between two checkpoints of the audit log, while anything is written",
    )
    policy_file: Path | None = Field(
        default=None, description="the rules in force, instead of those of schemas/policy/rules.yaml"
    )
    reckoning_file: Path | None = Field(
        default=None, description="the parameters of calculations, instead of schemas/policy/reckoning.yaml"
    )
    retention_file: Path | None = Field(
        default=None,
        description="how long personal data are kept, instead of schemas/policy/retention.yaml",
    )
    entitlements: Path | None = Field(
        default=None,
        description="folder of the site's own principals and entitlements, beside those that are shipped",
    )
    slots: int = Field(
        default=4, ge=1, le=1024, description="partitions of every topic; fixed at the first start"
    )
    replication: int = Field(default=1, ge=1, le=7)
    instance: str = Field(default="0", pattern=r"^[A-Za-z0-9_-]{1,40}$")
    metrics_port: int | None = Field(default=None, ge=0, le=65535)
    api_host: str = Field(
        default="127.0.0.1", description="where the front door listens; beyond loopback with TLS only"
    )
    api_port: int | None = Field(default=None, ge=1, le=65535)
    api_certfile: Path | None = Field(
        default=None, description="PEM: the front door's certificate and its chain"
    )
    api_keyfile: Path | None = None
    api_rate: int = Field(default=500, ge=1, description="filings a second that one token may send")

    @model_validator(mode="after")
    def _encrypted_beyond_loopback(self) -> Self:
        if self.kafka_security in ("SASL_SSL", "SSL") or self.allow_plaintext:
            return self
        for server in self.kafka_bootstrap.split(","):
            host = server.strip().rsplit(":", 1)[0]
            if not is_loopback(host):
                raise ValueError(
                    f"{host} is not loopback and QIANBEI_KAFKA_SECURITY is {self.kafka_security}: use SASL_SSL, "
                    "or set QIANBEI_ALLOW_PLAINTEXT=true if the line itself is encrypted"
                )
        return self

    def as_user(self, username: str, password: str) -> Self:
        """The same servers, seen by another Kafka user."""
        return self.model_copy(update={"kafka_username": username, "kafka_password": SecretStr(password)})

    def dsn(self) -> str:
        """The Postgres DSN. Raises ConfigError if none is set."""
        if self.postgres_dsn is None:
            raise ConfigError(
                said(
                    "no database is configured: set QIANBEI_POSTGRES_DSN=postgresql://user:password@host:port/db"
                )
            )
        return self.postgres_dsn.get_secret_value()

    def front_door(self) -> "Listen":
        """Where the front door listens. Raises ConfigError for a missing port, or for anything but loopback without TLS."""
        if self.api_port is None:
            raise ConfigError(said("the front door has no port: set QIANBEI_API_PORT"))
        if (self.api_certfile is None) != (self.api_keyfile is None):
            raise ConfigError(
                said("TLS takes both: set QIANBEI_API_CERTFILE and QIANBEI_API_KEYFILE, or neither")
            )
        if self.api_certfile is None and not is_loopback(self.api_host):
            raise ConfigError(
                said(
                    "QIANBEI_API_HOST is {api_host}, which is not loopback, and tokens must not travel "
                    "in clear: set QIANBEI_API_CERTFILE and QIANBEI_API_KEYFILE, or listen on 127.0.0.1 "
                    "behind a proxy that does TLS",
                    api_host=self.api_host,
                )
            )
        for name in (self.api_certfile, self.api_keyfile):
            if name is not None and not os.access(name, os.R_OK):
                raise ConfigError(said("the file {name} of the front door's TLS cannot be read", name=name))
        return Listen(self.api_host, self.api_port, self.api_certfile, self.api_keyfile)

    def party_key(self) -> bytes:
        """The HMAC key of ``party_ref``. Raises ConfigError if it is missing or too short."""
        if self.party_key_file is None:
            raise ConfigError(
                said("no party key is configured: set QIANBEI_PARTY_KEY_FILE to a file of 64 hex digits")
            )
        try:
            key = bytes.fromhex(self.party_key_file.read_text().strip())
        except (OSError, ValueError) as error:
            raise ConfigError(
                said(
                    "the party key {party_key_file} cannot be read: {kind}",
                    party_key_file=self.party_key_file,
                    kind=type(error).__name__,
                )
            ) from None
        if len(key) < 32:
            raise ConfigError(
                said(
                    "the party key {party_key_file} is too short: 32 bytes (64 hex digits) are needed",
                    party_key_file=self.party_key_file,
                )
            )
        return key

    def policy(self) -> Policy:
        """The rules in force: the operator's file, or the default. Raises ConfigError if the file is wrong."""
        try:
            return load_policy(self.policy_file)
        except PolicyError as error:
            raise ConfigError(said("QIANBEI_POLICY_FILE: {error}", error=error)) from None

    def reckoning(self) -> Reckoning:
        """The parameters of calculations: the operator's file, or the default. Raises ConfigError if the file is wrong."""
        try:
            return load_reckoning(self.reckoning_file)
        except PolicyError as error:
            raise ConfigError(said("QIANBEI_RECKONING_FILE: {error}", error=error)) from None

    def retention(self) -> Retention:
        """How long personal data are kept: the operator's file, or the default. Raises ConfigError if the file is wrong."""
        try:
            return load_retention(self.retention_file)
        except PolicyError as error:
            raise ConfigError(said("QIANBEI_RETENTION_FILE: {error}", error=error)) from None

    def installation(self, candidate: SiteFile | None = None) -> Installation:
        """Principals and entitlements: what is shipped with the site's own files; ``candidate`` as if it were one.

        Read anew at each call. Raises ConfigError naming the file that is wrong.
        """
        return installation_in(self.entitlements, candidate)


def installation_in(folder: Path | None, candidate: SiteFile | None = None) -> Installation:
    """What is shipped with the site's files of a folder, if there is one. Raises ConfigError naming the file that is wrong."""
    try:
        return load_installation(folder, candidate)
    except EntitlementError as error:
        raise ConfigError(said("QIANBEI_ENTITLEMENTS: {error}", error=error)) from None


def load_settings(**overrides: object) -> Settings:
    """Read the environment. Raises ConfigError naming each variable that is missing or wrong."""
    try:
        return Settings(**overrides)  # type: ignore[arg-type]
    except ValidationError as error:
        raise wrong(error) from None


def wrong(error: ValidationError) -> ConfigError:
    """What is wrong with settings, by the names of their variables."""
    return ConfigError("\n".join(_problem(item) for item in error.errors()))


def _problem(item: object) -> str:
    assert isinstance(item, dict)
    name = ".".join(str(part) for part in item["loc"])
    variable = name if name.isupper() else f"QIANBEI_{name.upper()}"
    return f"{variable}: {item['msg']}" if name else str(item["msg"])


def server_of(dsn: str) -> str:
    """The host and port of a DSN or URL, for messages; never its user or password."""
    parts = urlsplit(dsn)
    return f"{parts.hostname or 'localhost'}:{parts.port or ''}".rstrip(":")
