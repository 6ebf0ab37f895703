"""Check 3 as a whole: which lanes there are, and which record belongs to which."""

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType

from broker.topics import dept_topic, exchange_topic
from qianbei.verify.avro import Readers
from qianbei.verify.entitlement import Rule, projection
from qianbei.verify.granted import Granted
from qianbei.verify.lanes import UNKNOWN, Lane, Output, Shared
from qianbei.verify.report import CheckResult, Findings, place_of
from qianbei.verify.source import Sent, Source
from qianbei.verify.window import Partition, Window
from schemas.said import said


class Projection:
    """Feed it every record of ``exchange.*`` and ``dept.*``, then ask.

    ``partitions`` are those of the topics that exist; a topic that a rule asks for and that does not exist is wrong.
    ``filled`` says of department partitions with history up to which exchange offset they must hold it.
    """

    def __init__(
        self,
        granted: Granted,
        partitions: Iterable[Partition],
        window: Window,
        readers: Readers,
        filled: Mapping[Partition, int] = MappingProxyType({}),
    ) -> None:
        self._shared = Shared(window, readers)
        self._filled = filled
        self._revoked, self._retired = granted.revoked, granted.retired
        self._lanes: dict[Partition, Lane] = {}
        self._outputs: dict[Partition, tuple[Lane, Output]] = {}
        present = set(partitions)
        by_subject: dict[str, list[Rule]] = {}
        for rule in granted.rules:
            by_subject.setdefault(rule.subject, []).append(rule)
        for subject, its in by_subject.items():
            self._check_topics(its, present)
            for topic, number in sorted(present):
                if topic == exchange_topic(subject):
                    self._add_lane(topic, number, its)

    def _check_topics(self, granted: Sequence[Rule], present: set[Partition]) -> None:
        topics = {topic for topic, _ in present}
        for rule in granted:
            topic = dept_topic(rule.department, rule.subject, rule.version)
            if topic not in topics:
                self._shared.findings.add(
                    "NO_TOPIC", topic, said("an entitlement asks for this topic and it is not there")
                )

    def _add_lane(self, topic: str, number: int, granted: Sequence[Rule]) -> None:
        cut = self._shared.window.cut
        outputs = []
        for rule in granted:
            partition = (dept_topic(rule.department, rule.subject, rule.version), number)
            filled = self._filled.get(partition)
            outputs.append(Output(*partition, rule, projection(rule), bool(cut([partition])), filled))
        lane = self._lanes[topic, number] = Lane(topic, number, outputs, self._shared)
        for output in outputs:
            self._outputs[output.topic, number] = (lane, output)

    @property
    def findings(self) -> Findings:
        return self._shared.findings

    @property
    def sources(self) -> tuple[Partition, ...]:
        """The exchange partitions of which any department sees anything."""
        return tuple(self._lanes)

    # -- feeding ------------------------------------------------------------------------------------------------------

    def add_exchange(self, topic: str, partition: int, source: Source) -> None:
        """A record of an exchange topic. Records of subjects that nobody may see are passed over."""
        lane = self._lanes.get((topic, partition))
        if lane is not None:
            lane.add(source)

    def add_dept(self, topic: str, partition: int, sent: Sent) -> None:
        """A record of a department's topic."""
        found = self._outputs.get((topic, partition))
        if found is None and (
            topic in self._retired or topic.removeprefix("dept.").rsplit(".", 2)[0] in self._revoked
        ):
            return  # what it was given before is kept, and nothing says any more what that should be
        if found is None:
            self.findings.add(
                "NO_ENTITLEMENT",
                place_of(topic, partition, sent.offset),
                said("no entitlement gives this topic"),
            )
        else:
            found[1].queue.append(sent)

    def advance(self) -> None:
        """Compare what can be compared by now."""
        for lane in self._lanes.values():
            lane.advance()

    # -- ending -------------------------------------------------------------------------------------------------------

    def waits(self) -> bool:
        """Whether anything required still waits for its counterpart, which more reading may bring."""
        return any(lane.waits() for lane in self._lanes.values())

    def finish(self, routed: Mapping[Partition, int]) -> CheckResult:
        """The result. ``routed`` says up to where routing has sent each exchange partition, as far as known."""
        for partition, lane in self._lanes.items():
            lane.finish(routed.get(partition, UNKNOWN))
        return self.findings.result("dept_records")
