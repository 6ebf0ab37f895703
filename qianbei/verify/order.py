"""The order of decision within each slot: numbered without gaps, and along the offsets of each intake partition.

Retention takes quarantine records away after some time, decisions never. So a gap is no fault where a quarantine
partition has been cut and the number is before the first one that it still holds.
"""

from typing import Protocol

from qianbei.verify.outcome import may_hold
from qianbei.verify.report import Findings, place_of
from qianbei.verify.window import Partition, Window
from schemas.said import said


class Placed(Protocol):
    """An outcome with its place."""

    @property
    def topic(self) -> str: ...

    @property
    def partition(self) -> int: ...

    @property
    def offset(self) -> int: ...

    @property
    def place(self) -> str: ...


_Entry = tuple[str, int, str, int, bool]
"""Intake topic and offset, topic and offset of the outcome, whether it is required."""


class SlotOrder:
    """Feed it every outcome, in any order."""

    def __init__(self, window: Window, findings: Findings) -> None:
        self._window = window
        self._findings = findings
        self._slots: dict[int, dict[int, _Entry]] = {}
        # The first retained quarantine record of each partition: its slot_seq and intake offset.
        self._first_quarantined: dict[Partition, tuple[int, int]] = {}
        # The same by intake partition: what operators sent in again is quarantined in the topics of its sources.
        self._first_of_intake: dict[Partition, int] = {}

    def add(self, slot: int, slot_seq: int, intake_topic: str, intake_offset: int, outcome: Placed) -> None:
        """An outcome that was the ``slot_seq``-th of its slot."""
        seen = self._slots.setdefault(slot, {})
        required = self._window.required(outcome.topic, outcome.partition, outcome.offset)
        if slot_seq in seen:
            self._findings.add(
                "SEQ_TWICE",
                outcome.place,
                said("slot_seq {slot_seq} of slot {slot} is taken already", slot_seq=slot_seq, slot=slot),
            )
            return
        seen[slot_seq] = (intake_topic, intake_offset, outcome.topic, outcome.offset, required)
        if outcome.topic.startswith("quarantine."):
            self._first_quarantined.setdefault((outcome.topic, outcome.partition), (slot_seq, intake_offset))
            intake = (intake_topic, slot)
            self._first_of_intake[intake] = min(
                intake_offset, self._first_of_intake.get(intake, intake_offset)
            )

    def may_have_expired(self, intake: Partition, offset: int) -> bool:
        """Whether an intake record without an outcome may have had a quarantine record that retention took away."""
        holders = [p for p in self._window.begins if p[1] == intake[1] and may_hold(p[0], intake[0])]
        if not self._window.cut(holders):
            return False
        first = self._first_of_intake.get(intake)
        return first is None or offset < first

    def waits(self) -> bool:
        """Whether a number is missing before a required one."""
        return any(self._gaps(slot, seen) for slot, seen in self._slots.items())

    def finish(self) -> None:
        """Note what is missing or out of order."""
        for slot, seen in sorted(self._slots.items()):
            self._findings.counts["slot_seqs"] += len(seen)
            for first, last in _runs(self._gaps(slot, seen)):
                numbers = f"{first}" if first == last else f"{first} to {last}"
                self._findings.add(
                    "SEQ_GAP",
                    f"slot {slot}",
                    said("nothing was decided as slot_seq {numbers}", numbers=numbers),
                )
            self._check_offsets(slot, seen)

    def _gaps(self, slot: int, seen: dict[int, _Entry]) -> list[int]:
        last = max((seq for seq, entry in seen.items() if entry[4]), default=0)
        if len(seen) == last == max(seen, default=0) and min(seen, default=1) == 1:
            return []
        excused = self._excused_before(slot)
        return [seq for seq in range(1, last + 1) if seq not in seen and seq >= excused]

    def _excused_before(self, slot: int) -> int:
        cut = self._window.cut(
            p for p in self._window.begins if p[0].startswith("quarantine.") and p[1] == slot
        )
        return max((self._first_quarantined.get(p, (1 << 62, 0))[0] for p in cut), default=0)

    def _check_offsets(self, slot: int, seen: dict[int, _Entry]) -> None:
        last: dict[str, int] = {}
        for seq in sorted(seen):
            intake_topic, intake_offset, topic, offset, _ = seen[seq]
            if intake_offset <= last.get(intake_topic, -1):
                place = place_of(topic, slot, offset)
                detail = said(
                    "slot_seq {seq} decides offset {intake_offset} of {intake_topic} after {last}",
                    seq=seq,
                    intake_offset=intake_offset,
                    intake_topic=intake_topic,
                    last=last[intake_topic],
                )
                self._findings.add("OUT_OF_ORDER", place, detail)
            last[intake_topic] = max(intake_offset, last.get(intake_topic, -1))


def _runs(numbers: list[int]) -> list[tuple[int, int]]:
    """Consecutive numbers as first and last."""
    runs: list[tuple[int, int]] = []
    for number in numbers:
        if runs and number == runs[-1][1] + 1:
            runs[-1] = (runs[-1][0], number)
        else:
            runs.append((number, number))
    return runs
