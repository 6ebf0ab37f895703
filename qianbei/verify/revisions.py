"""The revisions of each entity: 1, 2, 3 … in log order, in one partition.

A seizure may name no house at first. Then its revisions begin in the partition of its own id and, once its house is
known, go on in that of the house. The two partitions may be read in any order, so the joint is looked at in the end.
"""

from typing import NamedTuple

from qianbei.verify.report import Findings
from schemas.said import said

MOVES = "exchange.seizure"
"""The topic whose entities may change their partition, once."""


class Run(NamedTuple):
    """Revisions without a gap in one partition; ``place`` is that of the first."""

    first: int
    last: int
    partition: int
    place: str
    required: bool


class Revisions:
    """Told of every record of ``exchange.*`` in the order of its partition."""

    def __init__(self, findings: Findings) -> None:
        self._findings = findings
        self._last: dict[tuple[str, str], tuple[int, int]] = {}
        # Of entities that may move: a run for each partition.
        self._runs: dict[str, list[Run]] = {}

    def add(
        self, topic: str, partition: int, place: str, entity_id: str, revision: int, *, required: bool
    ) -> None:
        """A revision of an entity."""
        if topic == MOVES:
            self._add_to_run(entity_id, Run(revision, revision, partition, place, required))
            return
        last, where = self._last.get((topic, entity_id), (0, partition))
        if where != partition:
            self._findings.add(
                "SPLIT_ENTITY",
                place,
                said("the entity's earlier revisions are in partition {where}", where=where),
            )
        else:
            self._follows(place, revision, last)
        self._last[topic, entity_id] = (max(last, revision), partition)

    def _follows(self, place: str, revision: int, last: int) -> None:
        if revision != last + 1:
            self._findings.add(
                "REVISION_ORDER",
                place,
                said("revision {revision} follows revision {last}", revision=revision, last=last),
            )

    def _add_to_run(self, entity_id: str, new: Run) -> None:
        runs = self._runs.setdefault(entity_id, [])
        for at, run in enumerate(runs):
            if run.partition == new.partition:
                self._follows(new.place, new.first, run.last)
                runs[at] = run._replace(last=max(run.last, new.last))
                return
        runs.append(new)

    def waits(self) -> bool:
        """Whether earlier revisions of a required one have not been read."""
        return any(min(runs).first != 1 and any(run.required for run in runs) for runs in self._runs.values())

    def finish(self) -> None:
        """Note runs that do not join."""
        for runs in self._runs.values():
            last = 0
            for at, run in enumerate(sorted(runs)):
                if at > 1:
                    self._findings.add(
                        "SPLIT_ENTITY", run.place, said("the entity's revisions are in three partitions")
                    )
                elif run.required:
                    self._follows(run.place, run.first, last)
                last = run.last
