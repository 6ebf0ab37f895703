"""How to reach and enter a Kafka cluster, and what its errors mean to us."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kafka import errors as kafka_errors

from broker.errors import AccessDenied, Corrupt, Indefinite, OwnershipLost, TooLarge, Unavailable
from broker.kafka.sockets import DIRECT
from broker.settings import Settings
from schemas.said import said

_LOST = (
    kafka_errors.CommitFailedError,
    kafka_errors.FencedInstanceIdError,
    kafka_errors.IllegalGenerationError,
    kafka_errors.InvalidProducerEpochError,
    kafka_errors.ProducerFencedError,
    kafka_errors.RebalanceInProgressError,
    kafka_errors.UnknownMemberIdError,
)
_TOO_LARGE = (kafka_errors.MessageSizeTooLargeError, kafka_errors.RecordListTooLargeError)
_CORRUPT = (kafka_errors.CorruptRecordError, kafka_errors.UnsupportedCodecError)
_DENIED = (kafka_errors.AuthorizationError, kafka_errors.SaslAuthenticationFailedError)


@dataclass(frozen=True, slots=True)
class Connection:
    """Where the cluster is and who we are to it."""

    bootstrap: str
    security: str
    username: str | None = None
    password: str | None = None
    cafile: Path | None = None
    certfile: Path | None = None
    keyfile: Path | None = None

    @classmethod
    def of(cls, settings: Settings) -> "Connection":
        """The connection that the settings describe."""
        secret = settings.kafka_password
        return cls(
            bootstrap=settings.kafka_bootstrap,
            security=settings.kafka_security,
            username=settings.kafka_username,
            password=secret.get_secret_value() if secret else None,
            cafile=settings.kafka_cafile,
            certfile=settings.kafka_certfile,
            keyfile=settings.kafka_keyfile,
        )

    def __repr__(self) -> str:
        return f"Connection({self.bootstrap}, {self.security}, {self.username})"

    def stream_config(self) -> dict[str, Any]:
        """What consumers and producers are given."""
        return self.client_config() | {"allow_auto_create_topics": False, "metrics_enabled": False}

    def client_config(self) -> dict[str, Any]:
        """What every kafka-python client is given."""
        config: dict[str, Any] = {
            "bootstrap_servers": [server.strip() for server in self.bootstrap.split(",")],
            "security_protocol": self.security,
            "bootstrap_timeout_ms": 10_000,
            "reconnect_backoff_max_ms": 1_000,
            "proxy_url": DIRECT,
        }
        if self.security.startswith("SASL"):
            config |= {
                "sasl_mechanism": "SCRAM-SHA-256",
                "sasl_plain_username": self.username,
                "sasl_plain_password": self.password,
            }
        tls = {"ssl_cafile": self.cafile, "ssl_certfile": self.certfile, "ssl_keyfile": self.keyfile}
        return config | {name: str(path) for name, path in tls.items() if path}


def bootstrap_address(connection: Connection) -> str:
    """The servers, for messages."""
    return connection.bootstrap


@contextmanager
def translated(connection: Connection, doing: str, *, indefinite: bool = False) -> Iterator[None]:
    """Turn kafka-python's errors into ours, by class.

    ``indefinite`` marks a write whose failure leaves its outcome unknown.
    Raises AccessDenied, OwnershipLost, Indefinite, Corrupt or Unavailable; each names the address and what was being done.
    """
    try:
        yield
    except _DENIED as error:
        who = connection.username or "an unnamed user"
        raise AccessDenied(
            said(
                "Kafka at {bootstrap} does not allow {who} to {doing} ({kind}): check the user, its "
                "password and the ACLs of the topic catalogue",
                bootstrap=connection.bootstrap,
                who=who,
                doing=doing,
                kind=type(error).__name__,
            )
        ) from error
    except _LOST as error:
        raise OwnershipLost(
            said("lost ownership while trying to {doing}: {kind}", doing=doing, kind=type(error).__name__)
        ) from error
    except _TOO_LARGE as error:
        raise TooLarge(
            said(
                "Kafka at {bootstrap} did not {doing}: the record is longer than the topic takes; "
                "name attachments by their address instead of sending them",
                bootstrap=connection.bootstrap,
                doing=doing,
            )
        ) from error
    except _CORRUPT as error:
        raise Corrupt(
            said(
                "Kafka at {bootstrap} did not {doing}: what lies on its disk is damaged ({kind})",
                bootstrap=connection.bootstrap,
                doing=doing,
                kind=type(error).__name__,
            )
        ) from error
    except kafka_errors.KafkaError as error:
        kind = Indefinite if indefinite else Unavailable
        raise kind(
            f"Kafka at {connection.bootstrap} did not {doing} ({type(error).__name__}): check that it is running and "
            f"reachable, and that the user {connection.username} and its password are right"
        ) from error
