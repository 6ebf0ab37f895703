"""What a running service knows of the installation, and when it learns it anew.

The site's files may change at any time (``qianbei grant``, ``qianbei revoke``). A service looks at their fingerprint before
each batch; if it has moved, it learns anew, ends its session and opens another, so a batch is handled wholly by the
old knowledge or by the new. Since it also looks after each rebalance, and before the first batch that follows, no
instance handles by old knowledge what another has begun to handle by the new.

Files that are wrong, or schemas that are not registered yet, never stop a service that runs: it goes on with what it
knows, says so, and tries again.
"""

import time
from collections.abc import Callable
from typing import Generic, TypeVar

import structlog

from broker.errors import ConfigError, Unavailable
from broker.metrics import ServiceMetrics
from broker.settings import Settings
from schemas.installation import Installation
from schemas.sitefiles import fingerprint

K = TypeVar("K")
RETRY_S = 5.0


class Learned(Generic[K]):
    """The newest knowledge that could be had. ``know`` makes it; ``learn`` must be called before anything else."""

    def __init__(
        self,
        settings: Settings,
        know: Callable[[Settings, Installation], K],
        metrics: ServiceMetrics,
        log: structlog.typing.FilteringBoundLogger,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings = settings
        self._know = know
        self._metrics = metrics
        self._log = log
        self._clock = clock
        self._seen = fingerprint(None)
        self._again_at: float | None = None
        self.installation: Installation
        self.knowledge: K

    def learn(self) -> None:
        """Learn everything now. Raises ConfigError or Unavailable; what was known before then stays."""
        # The fingerprint first: what changes while we read is then seen as a change afterwards.
        seen = fingerprint(self._settings.entitlements)
        installation = self._settings.installation()
        self.knowledge = self._know(self._settings, installation)
        self.installation, self._seen, self._again_at = installation, seen, None
        self._metrics.knows(installation.digest)

    def outdated(self) -> bool:
        """Whether something else is known since this was last asked, so that the session must end."""
        if not self._due():
            return False
        before = self.installation.digest
        try:
            self.learn()
        except (ConfigError, Unavailable) as error:
            self._seen = fingerprint(self._settings.entitlements)
            self._again_at = self._clock() + RETRY_S
            self._log.error(
                "the site's files are not taken in", reason=type(error).__name__, detail=str(error)
            )
            return False
        if self.installation.digest == before:
            return False
        self._log.info("the site's files have changed", digest=self.installation.digest[:12])
        return True

    def _due(self) -> bool:
        if self._again_at is not None and self._clock() >= self._again_at:
            return True
        return fingerprint(self._settings.entitlements) != self._seen
