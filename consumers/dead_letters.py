"""Looking at what a department holds, and asking for it to be handed over again."""

from collections.abc import Sequence
from dataclasses import dataclass

from broker.errors import ConfigError
from broker.topics import dead_letter_topic
from consumers import letters
from consumers.feed import Servers
from consumers.letters import Held, HeldKey, Holding
from schemas.said import said


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which held keys: of one group, one topic, one entity; None means any."""

    group: str | None = None
    topic: str | None = None
    entity_id: str | None = None

    def __call__(self, about: HeldKey) -> bool:
        """Whether the key is one of them."""
        return (
            self.group in (None, about.group)
            and self.topic in (None, about.topic)
            and self.entity_id in (None, about.name)
        )


def held(servers: Servers, department: str, wanted: Wanted) -> list[tuple[HeldKey, Held]]:
    """What is held now, in the order in which it began to be."""
    holding = Holding()
    holding.apply(servers.read(dead_letter_topic(department)))
    return [(about, found) for about, found in holding if wanted(about)]


def ask(servers: Servers, department: str, found: Sequence[tuple[HeldKey, Held]]) -> int:
    """Ask for these keys to be handed over again; the subscription that owns them does it. Gives how many were asked for.

    Raises ConfigError if there is none.
    """
    if not found:
        raise ConfigError(
            said(
                "nothing of that is held by {department}: see `qianbei dead-letters {department}`",
                department=department,
            )
        )
    topic = dead_letter_topic(department)
    new = [(about, one) for about, one in found if not one.requested]
    servers.write([letters.redrive(topic, one.first.lies.partition, about) for about, one in new])
    return len(new)
