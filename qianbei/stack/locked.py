"""The exact files of Kafka and the registry: `programs.lock`, one `sha256
group:artifact:version[:packaging:classifier]` a line, the registry's last. What has another digest is never
run.

`python -m qianbei.stack.locked KAFKA REGISTRY` prints the lock of other versions, as Maven Central has them
now.
"""

import hashlib
import sys
from dataclasses import dataclass
from pathlib import Path

LOCK = Path(__file__).with_name("programs.lock")
BLOCK = 1024**2

LOG4J = "org.apache.logging.log4j:log4j-core"
LOG4J_BINDING = "org.apache.logging.log4j:log4j-slf4j-impl"
"""Kafka's own distribution ships this one jar that its Maven dependencies leave out; without it Kafka logs
nothing."""


@dataclass(frozen=True)
class LockedFile:
    """One file of Maven Central."""

    sha256: str
    group: str
    name: str
    version: str
    packaging: str = "jar"
    classifier: str = ""

    @classmethod
    def parse(cls, line: str) -> "LockedFile":
        digest, coordinates = line.split()
        return cls(digest, *coordinates.split(":"))

    def __str__(self) -> str:
        tail = "" if self.packaging == "jar" else f":{self.packaging}:{self.classifier}"
        return f"{self.sha256} {self.group}:{self.name}:{self.version}{tail}"

    def is_intact(self, path: Path) -> bool:
        """Whether the file at `path` is this one."""
        return sha256(path) == self.sha256


@dataclass(frozen=True)
class Locked:
    """The whole lock."""

    kafka: tuple[LockedFile, ...]
    registry: LockedFile

    @property
    def kafka_version(self) -> str:
        return next(file.version for file in self.kafka if file.name == "kafka_2.13")

    @property
    def digest(self) -> str:
        """Names the set of Kafka's files."""
        return hashlib.sha256("\n".join(map(str, self.kafka)).encode()).hexdigest()[:12]


def load() -> Locked:
    """The lock that this version of qianbei runs."""
    *kafka, registry = read_lock(LOCK)
    return Locked(tuple(kafka), registry)


def read_lock(path: Path) -> list[LockedFile]:
    """The files of a lock, in its order."""
    return [LockedFile.parse(line) for line in path.read_text(encoding="ascii").splitlines()]


def sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            digest.update(block)
    return digest.hexdigest()


def make(kafka_version: str, registry_version: str) -> list[LockedFile]:
    """Resolve the dependencies anew. For maintainers: the result is trusted from then on."""
    from jgo.maven import Dependency, MavenContext  # noqa: PLC0415 - see `artifacts`

    maven = MavenContext()
    kafka = maven.project("org.apache.kafka", "kafka_2.13").at_version(kafka_version)
    # Resolved alone: jgo applies the version rules of every input to all, and those of log4j ask for old
    # Kafka clients.
    inputs, others = maven.resolver.resolve([Dependency(kafka.artifact())])
    artifacts = [dependency.artifact for dependency in (*inputs, *others)]
    log4j = next(one.version for one in artifacts if f"{one.groupId}:{one.artifactId}" == LOG4J)
    artifacts.append(maven.project(*LOG4J_BINDING.split(":")).at_version(log4j).artifact())
    registry = maven.project("io.apicurio", "apicurio-registry-app").at_version(registry_version)
    artifacts.append(registry.artifact(classifier="all", packaging="tar.gz"))
    return [
        LockedFile(
            sha256(one.resolve()), one.groupId, one.artifactId, one.version, one.packaging, one.classifier
        )
        for one in artifacts
    ]


if __name__ == "__main__":
    sys.stdout.writelines(f"{file}\n" for file in make(sys.argv[1], sys.argv[2]))
