"""A department's subscription: records of its topics, decoded, in order, to a handler.

    subscription = Subscription(load_settings(), group="tax-prefill", topics=tax.TOPICS)
    subscription.run(tax.PrefillLedger(), stop)

Guarantees. Only committed records are read, from the first one that is kept. In each partition records come in order,
and an entity is always in the same partition. Each record is handled at least once, its offset committed after that;
into a target that remembers positions (``postgres``, ``outputs.daily``) exactly once. A record that cannot be decoded
or handled is held in the department's own dead-letter topic, and all later ones of its key wait behind it there, until
somebody asks for them (``qianbei dead-letters redrive``); then they are handed over in their order. With
``dead_letters=False`` it stops the subscription instead, with an error that names its place. When Kafka, the registry or
what a handler needs (``Retryable``) is away, it waits.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext

from broker.errors import ConfigError
from broker.logging import get_logger
from broker.runner import Stop, run
from broker.settings import Settings
from broker.topics import dead_letter_topic, department_of
from consumers.delivery import Retries
from consumers.feed import Servers
from consumers.health import Health
from consumers.kafka_feed import KafkaServers
from consumers.records import Handler
from consumers.session import SubscriptionSession, Terms
from consumers.target import HandlerTarget, OpenTarget, Target
from schemas.said import said

DEFAULT_RETRIES = Retries()
MOST_HELD = 1_000


class Subscription:
    """One department's reading of some of its topics, as a member of a consumer group.

    ``group`` must begin with the department's group prefix (``qianbei connection`` prints it). Several processes with
    the same group share the partitions. ``most_held`` records may wait in the dead-letter topic; more than that, and the
    handler itself must be broken: TooManyHeld. Instead of settings, ``servers`` may be an exchange in memory (``testing``).
    """

    def __init__(
        self,
        servers: Settings | Servers,
        group: str,
        topics: Sequence[str],
        *,
        dead_letters: bool = True,
        retries: Retries = DEFAULT_RETRIES,
        most_held: int = MOST_HELD,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        if not topics:
            raise ConfigError(said("a subscription needs at least one topic"))
        self._servers = KafkaServers(servers) if isinstance(servers, Settings) else servers
        letters = _dead_letters_of(topics) if dead_letters else None
        self._terms = Terms(group, tuple(topics), letters, retries, most_held, clock)
        self._log = get_logger("subscription").bind(group=group)

    def run(self, handler: Handler, stop: Stop, health: Health | None = None) -> None:
        """Hand records to ``handler`` until ``stop`` is set, each at least once.

        Raises AccessDenied, ConfigError, TooManyHeld, and without dead letters UndecodableRecord or HandlerFailed; waits
        while a server is away.
        """
        self.run_into(lambda: nullcontext(HandlerTarget(handler)), stop, health)

    def run_into(self, open_target: OpenTarget, stop: Stop, health: Health | None = None) -> None:
        """As ``run``, into a target; it is opened anew with each session."""
        told = health or Health()
        run(lambda: self.session(open_target, stop, told), stop, told.metrics, self._log)

    @contextmanager
    def session(
        self, open_target: OpenTarget, stop: Stop, health: Health | None = None
    ) -> Iterator[SubscriptionSession]:
        """Join the group. Raises AccessDenied if a topic is not to be seen."""
        terms = self._terms
        target: AbstractContextManager[Target] = open_target()
        with target as opened, self._servers.feed(terms.group, terms.topics, terms.dead_letters) as feed:
            yield SubscriptionSession(feed, opened, terms, stop, health or Health(), self._log)


def _dead_letters_of(topics: Sequence[str]) -> str:
    """Raises ConfigError if the topics are not all of one department."""
    departments = {department_of(topic) for topic in topics}
    if len(departments) != 1:
        raise ConfigError(
            said(
                "one subscription is one department's, these are of {departments}",
                departments=", ".join(sorted(departments)),
            )
        )
    return dead_letter_topic(departments.pop())
