"""Bureau: what comes back to the filing office — conflicts and corrections to work on, seizures to respect, transfers that
complete a sale (建房〔2020〕61号 二 to 七).
"""

from dataclasses import dataclass, field

from consumers.records import DepartmentRecord, Newest

TOPICS = (
    "dept.bureau.sale.v1",
    "dept.bureau.lease.v1",
    "dept.bureau.mortgage.v1",
    "dept.bureau.seizure.v1",
    "dept.bureau.defaulter.v1",
    "dept.bureau.title.v1",
    "dept.bureau.conflict.v1",
    "dept.bureau.notice.v1",
    "dept.bureau.feedback.v1",
)


@dataclass(frozen=True, slots=True)
class Task:
    """Something that a clerk of the bureau must look at."""

    kind: str
    about: str
    note: str


@dataclass(slots=True)
class Worklist:
    """A handler that keeps open tasks, the houses under seizure, what courts are the reason of, and the state of contracts
    as the exchange has it."""

    tasks: Newest[Task] = field(default_factory=Newest)
    seized: Newest[str] = field(default_factory=Newest)
    statuses: Newest[str] = field(default_factory=Newest)
    refusals: Newest[tuple[str, str | None]] = field(default_factory=Newest)

    def __call__(self, record: DepartmentRecord) -> None:
        value = record.value
        if record.subject == "conflict":
            self.tasks.put(record, _conflict_task(record) if value["status"] == "OPEN" else None)
        elif record.subject == "feedback":
            wanted = value["status"] == "ACTIVE" and value["feedback_kind"] == "CORRECTION"
            self.tasks.put(record, _correction_task(record) if wanted else None)
        elif record.subject == "seizure":
            house = value["bound_house_code"] or value["house_code"]
            self.seized.put(record, house if value["status"] == "EFFECTIVE" else None)
        elif record.subject == "notice":
            self.refusals.put(record, (value["about_entity_id"], value["case_no"]))
        elif "contract_status" in value:
            self.statuses.put(record, value["contract_status"])

    def is_seized(self, house_code: str) -> bool:
        """Whether any seizure is in force on the house."""
        return house_code in set(self.seized)

    def cases_against(self, contract: str) -> set[str | None]:
        """The courts' cases because of which a contract was refused, for whoever explains it at the desk."""
        return {case_no for about, case_no in self.refusals if about == contract}


def _conflict_task(record: DepartmentRecord) -> Task:
    sides = ", ".join(f"{side['subject']} {side['entity_id']}" for side in record.value["sides"])
    return Task(record.value["kind"], sides, record.value["explanation"] or "")


def _correction_task(record: DepartmentRecord) -> Task:
    value = record.value
    about = f"{value['about_subject']} {value['about_entity_id']} {value['field_path'] or ''}".rstrip()
    return Task("CORRECTION", about, value["explanation"] or "")
