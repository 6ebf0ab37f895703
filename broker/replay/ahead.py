"""Reading on while Postgres folds what was read, which is a quarter of a rebuild's time.

Only for who reads alone. A member of a group may lose a partition meanwhile, and would have read for nothing.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from broker.compaction.engine import Applied, Engine, Made
from broker.compaction.gather import Batch
from broker.compaction.positions import Database
from broker.compaction.service import MOST_A_POLL, MOST_BYTES, POLL_S, CompactionSession, uncollected
from broker.metrics import ServiceMetrics
from broker.replay.alone import Alone

# Of a batch that is being written and the next one together, in bytes of distinct keys.
_MOST_OF_BOTH = MOST_BYTES * 3 // 2


class ReadingAhead(CompactionSession):
    """A session whose next batch is begun before the last one is committed. The database's connection is in another thread then."""

    def __init__(
        self, engine: Engine, reader: Alone, db: Database, dsn: str, metrics: ServiceMetrics
    ) -> None:
        super().__init__(engine, reader, db, dsn, metrics)
        self._reader = reader
        self._ahead: Batch | None = None

    @property
    def ahead(self) -> bool:
        """Whether records are read that are not folded yet."""
        return self._ahead is not None

    def _gather(self) -> Batch:
        batch, self._ahead = self._ahead, None
        if batch is None:
            batch = super()._gather()
        else:
            with uncollected():
                self._gather_more(batch)
        # Now this batch has all that was polled, so it ends where the reader is: behind markers and what was passed over.
        batch.offsets |= self._markers.beyond(self.folded)
        return batch

    def _is_round(self, batch: Batch) -> bool:
        # A limit that is met in the midst of a partition cuts keys apart, and those are folded twice.
        return batch.size > MOST_BYTES // 2 and self._reader.between

    def _write(self, batch: Batch, made: Made) -> Applied:
        with ThreadPoolExecutor(1, "fold") as one:
            writing = one.submit(super()._write, batch, made)
            if batch.records:
                self._read_while(lambda: not writing.done(), _MOST_OF_BOTH - batch.size)
            return writing.result()

    def _read_while(self, busy: Callable[[], bool], most_bytes: int) -> None:
        batch = Batch(self._known_bad)
        with uncollected():
            while busy() and batch.size < most_bytes and not self._is_round(batch):
                batch.add(self._reader.poll(POLL_S, MOST_A_POLL))
        self._ahead = batch if batch.offsets else None

    def _read_again(self) -> None:
        self._ahead = None
        super()._read_again()
