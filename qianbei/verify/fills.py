"""Which topics were filled from history, or are being filled, and up to where each must hold it: read from the marks, anew.

The fill group of a topic commits an offset of each exchange partition, with a word. ``filling`` and ``ready``: what lies
before the offset is there, and nothing else is promised. ``joined``: all is there from the first record on, whenever the
topic was granted. A topic without such a group was never to be filled.

The marks are read after it is known where each topic ends, and before any record: so what a topic holds by then lies before
its mark, and what lies before the mark is there to be read.
"""

from collections.abc import Mapping

from broker.errors import ConfigError
from broker.kafka import Committed, Groups, TopicPartition
from broker.topics import FILL_GROUPS
from qianbei.verify.window import Partition
from schemas.said import said

ALL = 1 << 62
"""Beyond every offset: the topic must hold everything."""


def filled_to(groups: Groups) -> dict[Partition, int]:
    """Up to which exchange offset each department partition must hold its projection, of those that have a mark."""
    return {
        (group.removeprefix(FILL_GROUPS), number): offset
        for group, committed in groups.committed(groups.groups(FILL_GROUPS)).items()
        for number, offset in _offsets(group, committed).items()
    }


def _offsets(group: str, committed: Mapping[TopicPartition, Committed]) -> dict[int, int]:
    offsets = {}
    for source, mark in committed.items():
        if mark.metadata not in ("filling", "ready", "joined"):
            raise ConfigError(
                said(
                    "{group} has committed what is no mark: who but `qianbei` has written there?", group=group
                )
            )
        offsets[source.partition] = ALL if mark.metadata == "joined" else mark.offset
    return offsets
