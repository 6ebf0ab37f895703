"""Check 1, conservation: what enters the exchange comes out of it exactly once, and nothing comes out that did not enter.

* Each record on ``intake.*`` has exactly one *outcome*: a decision, or a quarantine record, with the SHA-256 of its
  bytes, in the topic of its principal and the partition of its slot. Whose it is that operators sent in again
  (``intake.redrive``), and what else holds for it, is looked at by ``redriven``.
* The outcomes of a slot are numbered 1, 2, 3 … (``slot_seq``), and follow the offsets of each intake partition.
* What an accepted decision says it wrote is on ``exchange.*`` exactly once, and every record there is so explained.
* The revisions of each entity are 1, 2, 3 … in log order, in one partition; those of a seizure may begin in the
  partition of its own id and go on in that of its house (``revisions``).

Both sides may arrive in any order: whatever waits for its counterpart is held, what has met it is forgotten but for
its place.
"""

from collections.abc import Mapping
from typing import NamedTuple

from qianbei.verify.order import SlotOrder
from qianbei.verify.outcome import ACCEPTED, OUTCOMES, QUARANTINED, REDRIVE, Effect, Outcome
from qianbei.verify.report import CheckResult, Findings, place_of
from qianbei.verify.revisions import Revisions
from qianbei.verify.window import Partition, Window
from schemas.said import said


class Side(NamedTuple):
    """One side of an effect that waits for the other: the decision, the place, and whether it is required."""

    decision_id: str
    place: str
    required: bool


class Conservation:
    """Feed it every record of ``intake.*``, ``decision.*``, ``quarantine.*`` and ``exchange.*``, then ask."""

    def __init__(self, window: Window) -> None:
        self._window = window
        self._findings = Findings()
        # By intake partition: offset -> digest while it waits for its outcome, None when it has met it.
        self._intake: dict[Partition, dict[int, str | None]] = {}
        # The same, the other way round: outcomes that are there before their intake record has been read.
        self._early: dict[Partition, dict[int, Outcome]] = {}
        self._order = SlotOrder(window, self._findings)
        self._stated: dict[Effect, Side] = {}
        self._written: dict[Effect, Side] = {}
        self._revisions = Revisions(self._findings)

    @property
    def findings(self) -> Findings:
        return self._findings

    # -- feeding ------------------------------------------------------------------------------------------------------

    def add_intake(self, topic: str, partition: int, offset: int, sha256: str) -> None:
        """A record of an intake topic, with the digest of its bytes."""
        self._findings.counts["intake"] += 1
        early = self._early.get((topic, partition))
        outcome = early.pop(offset, None) if early else None
        if outcome is None:
            self._intake.setdefault((topic, partition), {})[offset] = sha256
        else:
            self._meet(outcome, sha256)

    def add_outcome(self, outcome: Outcome) -> None:
        """A decision or a quarantine record."""
        self._findings.counts[
            outcome.kind.lower() if outcome.kind in (*OUTCOMES, QUARANTINED) else "unknown"
        ] += 1
        self._check_form(outcome)
        self._order.add(outcome.slot, outcome.slot_seq, outcome.intake_topic, outcome.intake_offset, outcome)
        for effect in outcome.effects:
            self._state(effect, outcome)
        if not self._window.expired(outcome.intake_topic, outcome.intake_partition, outcome.intake_offset):
            self._answer(outcome)

    def add_exchange(
        self,
        topic: str,
        partition: int,
        offset: int,
        entity_id: str,
        revision: int | None,
        decision_id: str | None,
    ) -> None:
        """A record of an exchange topic."""
        self._findings.counts["exchange"] += 1
        place = place_of(topic, partition, offset)
        if revision is None or decision_id is None:
            self._findings.add(
                "NO_REVISION", place, said("an exchange record without revision or decision_id")
            )
            return
        required = self._window.required(topic, partition, offset)
        self._revisions.add(topic, partition, place, entity_id, revision, required=required)
        effect = Effect(topic, entity_id, revision)
        side = Side(decision_id, place, required)
        stated = self._stated.get(effect)
        if stated is None or effect in self._written:
            self._keep_written(effect, side)
        else:
            del self._stated[effect]
            self._same_decision(stated, side)

    # -- intake and outcomes ------------------------------------------------------------------------------------------

    def _check_form(self, outcome: Outcome) -> None:
        if outcome.kind not in (*OUTCOMES, QUARANTINED):
            self._findings.add("UNKNOWN_OUTCOME", outcome.place, said("an outcome that is none of the four"))
        owner = outcome.intake_topic.partition(".")[2]
        if outcome.intake_topic != REDRIVE and owner != outcome.topic.partition(".")[2]:
            self._findings.add(
                "WRONG_TOPIC",
                outcome.place,
                said("answers a record of {intake_topic}", intake_topic=outcome.intake_topic),
            )
        if not outcome.partition == outcome.slot == outcome.intake_partition:
            self._findings.add(
                "WRONG_SLOT", outcome.place, said("partition, slot and intake partition are not the same")
            )
        # A refused record may have effects: what was due on its house before it. Its own revision is none of them.
        if (outcome.kind == ACCEPTED and not outcome.hands_over) != (outcome.revision is not None):
            self._findings.add(
                "WRONG_EFFECTS",
                outcome.place,
                said("{kind}, revision {revision}", kind=outcome.kind, revision=outcome.revision),
            )
        elif outcome.revision is not None and not outcome.states_its_own:
            detail = said(
                "{count} effects, its own revision {revision} is not among them",
                count=len(outcome.effects),
                revision=outcome.revision,
            )
            self._findings.add("WRONG_EFFECTS", outcome.place, detail)

    def _answer(self, outcome: Outcome) -> None:
        partition = (outcome.intake_topic, outcome.intake_partition)
        waiting = self._intake.setdefault(partition, {})
        early = self._early.setdefault(partition, {})
        offset = outcome.intake_offset
        if (offset in waiting and waiting[offset] is None) or offset in early:
            place = place_of(*partition, offset)
            self._findings.add(
                "DOUBLED_OUTCOME",
                place,
                said("has another outcome already; this one is {place}", place=outcome.place),
            )
        elif offset in waiting:
            digest = waiting[offset]
            assert digest is not None
            self._meet(outcome, digest)
        else:
            early[offset] = outcome

    def _meet(self, outcome: Outcome, sha256: str) -> None:
        self._intake.setdefault((outcome.intake_topic, outcome.intake_partition), {})[
            outcome.intake_offset
        ] = None
        self._findings.counts["outcomes"] += 1
        if outcome.sha256 != sha256:
            place = place_of(outcome.intake_topic, outcome.intake_partition, outcome.intake_offset)
            self._findings.add(
                "WRONG_SHA256",
                place,
                said("its bytes have another SHA-256 than {place} states", place=outcome.place),
            )

    # -- effects ------------------------------------------------------------------------------------------------------

    def _state(self, effect: Effect, outcome: Outcome) -> None:
        required = self._window.required(outcome.topic, outcome.partition, outcome.offset)
        side = Side(outcome.decision_id, outcome.place, required)
        written = self._written.pop(effect, None)
        if written is not None:
            self._same_decision(side, written)
        elif effect in self._stated:
            self._findings.add(
                "DOUBLED_STATEMENT",
                outcome.place,
                said("{effect} is stated by another decision too", effect=_named(effect)),
            )
        else:
            self._stated[effect] = side

    def _keep_written(self, effect: Effect, side: Side) -> None:
        if effect in self._written:
            self._findings.add(
                "DOUBLED_EFFECT", side.place, said("{effect} is written twice", effect=_named(effect))
            )
        else:
            self._written[effect] = side

    def _same_decision(self, stated: Side, written: Side) -> None:
        self._findings.counts["effects"] += 1
        if stated.decision_id != written.decision_id:
            self._findings.add(
                "WRONG_DECISION",
                written.place,
                said("names another decision than {place}", place=stated.place),
            )

    # -- ending -------------------------------------------------------------------------------------------------------

    def waits(self) -> bool:
        """Whether anything required still waits for its counterpart, which more reading may bring."""
        sides = self._sides(self._stated) or self._sides(self._written)
        unmet = sides or self._unanswered() or self._unfounded()
        return bool(unmet or self._order.waits() or self._revisions.waits())

    def _unanswered(self) -> list[tuple[Partition, int]]:
        required = self._window.required
        return [
            (partition, offset)
            for partition, waiting in self._intake.items()
            for offset, digest in waiting.items()
            if digest is not None and required(*partition, offset)
        ]

    def _unfounded(self) -> list[Outcome]:
        required = self._window.required
        return [
            o
            for early in self._early.values()
            for o in early.values()
            if required(o.topic, o.partition, o.offset)
        ]

    @staticmethod
    def _sides(waiting: Mapping[Effect, Side]) -> list[tuple[Effect, Side]]:
        return [(effect, side) for effect, side in waiting.items() if side.required]

    def finish(self, decided: Mapping[Partition, int]) -> CheckResult:
        """The result. ``decided`` says up to where admission has published each intake partition, as far as known:
        beyond it a missing outcome is late, not lost."""
        self._missing_outcomes(decided)
        for outcome in self._unfounded():
            self._findings.add("NO_INTAKE", outcome.place, said("answers a record that is not in the intake"))
        for effect, stated in self._sides(self._stated):
            self._findings.add(
                "LOST_EFFECT", stated.place, said("{effect} is not there", effect=_named(effect))
            )
        for effect, written in self._sides(self._written):
            self._findings.add(
                "NO_DECISION",
                written.place,
                said("revision {revision} is no effect of a decision", revision=effect.revision),
            )
        self._order.finish()
        self._revisions.finish()
        return self._findings.result("outcomes")

    def _missing_outcomes(self, decided: Mapping[Partition, int]) -> None:
        late: dict[Partition, int] = {}
        for partition, offset in self._unanswered():
            if offset >= decided.get(partition, 1 << 62):
                late[partition] = late.get(partition, 0) + 1
            elif not self._order.may_have_expired(partition, offset):
                self._findings.add(
                    "LOST_OUTCOME", place_of(*partition, offset), said("neither decided nor quarantined")
                )
        for (topic, number), count in sorted(late.items()):
            self._findings.add(
                "BEHIND",
                f"{topic}/{number}",
                said("admission has yet to decide {count} records", count=count),
            )


def _named(effect: Effect) -> str:
    return f"revision {effect.revision} on {effect.topic}"
