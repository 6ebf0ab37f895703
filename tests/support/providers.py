"""Where tests get a real Kafka, Postgres and registry from: servers that exist, containers, or the embedded stack."""

import os
import secrets
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from qianbei.stack import Lifetime, Supervisor, embedded_stack

REPOSITORY = Path(__file__).parents[2]
EXTERNAL = ("QIANBEI_KAFKA_BOOTSTRAP", "SCHEMA_REGISTRY_URL", "QIANBEI_POSTGRES_DSN")


class Provider(Protocol):
    """One way to have the three servers."""

    @property
    def name(self) -> str: ...

    def present(self) -> bool:
        """Whether it can be used here."""

    @contextmanager
    def servers(self, home: Path) -> Iterator[Mapping[str, str]]:
        """The servers, as the administrator's environment."""

    def supervisor(self, home: Path) -> Supervisor:
        """For the service processes of a test."""


class _Supervising:
    def supervisor(self, home: Path) -> Supervisor:
        run, log = home / "run", home / "log"
        run.mkdir(parents=True, exist_ok=True)
        log.mkdir(parents=True, exist_ok=True)
        return Supervisor(run, log, Lifetime.PARENT)


@dataclass(frozen=True)
class External(_Supervising):
    """Servers that the environment names; the user must be an administrator of each."""

    name: str = "external"

    def present(self) -> bool:
        return all(variable in os.environ for variable in EXTERNAL)

    @contextmanager
    def servers(self, home: Path) -> Iterator[Mapping[str, str]]:
        home.mkdir(parents=True, exist_ok=True)
        yield {name: value for name, value in os.environ.items() if name.startswith(("QIANBEI_", "SCHEMA_"))}


@dataclass(frozen=True)
class Containers(_Supervising):
    """The services of compose.yaml, by testcontainers, where a Docker daemon answers."""

    name: str = "testcontainers"

    def present(self) -> bool:
        docker = shutil.which("docker")
        return (
            docker is not None
            and subprocess.run([docker, "info"], capture_output=True, check=False).returncode == 0
        )

    @contextmanager
    def servers(self, home: Path) -> Iterator[Mapping[str, str]]:
        from testcontainers.compose import DockerCompose  # noqa: PLC0415 - only where Docker answers

        home.mkdir(parents=True, exist_ok=True)
        passwords = {name: secrets.token_hex(16) for name in COMPOSE_SECRETS}
        env_file = home / "compose.env"
        env_file.write_text("".join(f"{name}={value}\n" for name, value in passwords.items()))
        with DockerCompose(
            context=str(REPOSITORY), compose_file_name="compose.yaml", env_file=str(env_file), wait=True
        ):
            yield {
                "QIANBEI_KAFKA_BOOTSTRAP": "127.0.0.1:9092",
                "QIANBEI_KAFKA_USERNAME": "admin",
                "QIANBEI_KAFKA_PASSWORD": passwords["QIANBEI_KAFKA_ADMIN_PASSWORD"],
                "QIANBEI_POSTGRES_DSN": f"postgresql://postgres:{passwords['QIANBEI_POSTGRES_PASSWORD']}@127.0.0.1:5432/qianbei",
                "SCHEMA_REGISTRY_URL": "http://127.0.0.1:8081/apis/ccompat/v7",
            }


COMPOSE_SECRETS: tuple[str, ...] = (
    "QIANBEI_KAFKA_ADMIN_PASSWORD",
    "QIANBEI_KAFKA_CONTROLLER_PASSWORD",
    "QIANBEI_POSTGRES_PASSWORD",
    "QIANBEI_REGISTRY_PASSWORD",
)


@dataclass(frozen=True)
class Embedded(_Supervising):
    """The embedded stack: always present."""

    name: str = "embedded"

    def present(self) -> bool:
        return True

    @contextmanager
    def servers(self, home: Path) -> Iterator[Mapping[str, str]]:
        with embedded_stack(home) as stack:
            yield stack.settings_env()


PROVIDERS: tuple[Provider, ...] = (External(), Containers(), Embedded())


def present_providers() -> list[Provider]:
    """All that can be used here; the first is what integration tests run on."""
    return [provider for provider in PROVIDERS if provider.present()]
