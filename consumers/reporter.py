"""Any department that reports what is wrong with a record: what has become of its reports (校核纠错, 建房〔2020〕61号 七)."""

from dataclasses import dataclass, field

from consumers.records import DepartmentRecord, Newest


def topics(department: str) -> tuple[str, ...]:
    """The topics of a reporter, such as ``tax``."""
    return (f"dept.{department}.feedback.v1",)


@dataclass(frozen=True, slots=True)
class Report:
    """A correction that was asked for. ``answer``: ACCEPTED, REJECTED, or None while nobody has answered.

    ``corrected_by`` is the revision of the record that corrects it, as far as the answer names one.
    """

    about: tuple[str, str]
    field_path: str | None
    answer: str | None
    explanation: str | None
    corrected_by: int | None


@dataclass(slots=True)
class Reports:
    """A handler that keeps the corrections on the department's topic: its own, and those that it is to answer."""

    reports: Newest[Report] = field(default_factory=Newest)

    def __call__(self, record: DepartmentRecord) -> None:
        value = record.value
        kept = not record.left and value["status"] == "ACTIVE" and value["feedback_kind"] == "CORRECTION"
        self.reports.put(record, _report(record) if kept and not value["answers_entity_id"] else None)

    def unanswered(self) -> list[Report]:
        """What is still open."""
        return [report for report in self.reports if report.answer is None]


def _report(record: DepartmentRecord) -> Report:
    value = record.value
    return Report(
        (value["about_subject"], value["about_entity_id"]),
        value["field_path"],
        value["answer"],
        value["answer_explanation"],
        value["answer_revision"],
    )
