"""What records are in words, in both languages. Names and identity numbers are masked here, and nowhere shown."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from broker.routing.masks import id_number, surname
from qianbei.explain.model import Json, Words
from schemas.catalogue import load_catalogue
from schemas.codelists import code_list

OUTCOMES: Mapping[str, Words] = {
    "ACCEPTED": Words("接受", "accepted"),
    "REFUSED": Words("拒绝", "refused"),
    "DUPLICATE": Words("重复", "duplicate"),
}
SEVERITIES: Mapping[str, Words] = {"REFUSE": Words("拒绝", "refuses"), "WARN": Words("提示", "warns")}

_FIELDS: tuple[tuple[str, str, str], ...] = (
    ("contract_no", "合同", "contract"),
    ("filing_no", "备案", "filing"),
    ("house_code", "房屋", "house"),
    ("bound_house_code", "绑定房屋", "bound to house"),
    ("case_no", "案号", "case"),
    ("served_at", "送达", "served"),
    ("start_date", "自", "from"),
    ("end_date", "至", "until"),
    ("expires_on", "期满", "ends"),
)
"""Fields that are told of what came, in this order, where they have a value."""


def joined(parts: Iterable[Words]) -> Words:
    """Several texts as one; empty ones are left out."""
    found = [part for part in parts if part.zh or part.en]
    return Words("，".join(part.zh for part in found), ", ".join(part.en for part in found))


def coded(name: str, code: object) -> Words:
    """The words of a code; of one that the list lacks, the code itself."""
    codes = code_list(name)
    if isinstance(code, str) and code in codes:
        return Words(codes[code].zh, codes[code].en)
    return Words(str(code), str(code))


def event(subject: str, event_type: str) -> Words:
    """What happened to what, as the catalogue words it."""
    kind = load_catalogue().subjects.get(subject)
    if kind is None:
        return Words(f"{subject} {event_type}", f"{subject} {event_type}")
    step = kind.lifecycle.get(event_type) or coded("event_type", event_type)
    return Words(f"{kind.zh}：{step.zh}", f"{kind.en}: {step.en}")


# --- what came ------------------------------------------------------------------------------------------------------


def content(record: Json | None) -> Words:
    """What a record says, as far as a story needs it."""
    if record is None:
        return Words("", "")
    told = [
        Words(f"{zh} {record[name]}", f"{en} {record[name]}")
        for name, zh, en in _FIELDS
        if record.get(name) is not None
    ]
    if record.get("baseline"):
        told.append(Words("存量数据", "stock data"))
    return joined((*told, *(party(one) for one in _parties(record))))


def _parties(record: Json) -> Iterable[Json]:
    for value in record.values():
        if isinstance(value, list):
            yield from (item for item in value if isinstance(item, dict) and "party_ref" in item)


def party(one: Json) -> Words:
    """A party, masked."""
    role = coded("party_role", one["role"]) if one.get("role") else Words("相关人", "Person")
    masked = f"{_masked(one.get('name'), surname)} {_masked(one.get('id_no'), id_number)}".strip()
    return Words(f"{role.zh} {masked}", f"{role.en} {masked}")


def _masked(value: Any, mask: Callable[[str], str]) -> str:
    """A protected value, masked; one that is encrypted is not shown at all."""
    return mask(value) if isinstance(value, str) else "***"


# --- what followed --------------------------------------------------------------------------------------------------


def change(subject: str, record: Json | None) -> Words:
    """What a revision is after it was written."""
    if record is None:
        return Words("", "")
    return joined((_status(record), *_TOLD.get(subject, _nothing)(record)))


def _status(record: Json) -> Words:
    status = record.get("contract_status", record.get("status"))
    return Words("", "") if status is None else coded("status", status)


def _nothing(_record: Json) -> Iterable[Words]:
    return ()


def _seizure(record: Json) -> Iterable[Words]:
    if record.get("effective_kind"):
        yield coded("seizure_kind", record["effective_kind"])
    if record.get("queue_place"):
        yield Words(f"第 {record['queue_place']} 位", f"place {record['queue_place']} in the queue")
    if record.get("effective_until"):
        begins, until = record.get("effective_from"), record["effective_until"]
        yield Words(f"{begins} 至 {until}（含）", f"{begins} to {until} inclusive")


def _conflict(record: Json) -> Iterable[Words]:
    yield coded("conflict_kind", record["kind"])
    sides = " / ".join(f"{s['subject']} {s['entity_id']} @{s['revision']}" for s in record["sides"])
    yield Words(sides, sides)
    if record.get("resolution"):
        yield Words(record["resolution"], "resolved: one side has ended")


def _unit(record: Json) -> Iterable[Words]:
    if record.get("sale_status"):
        status = coded("sale_status", record["sale_status"])
        yield Words(f"销售状态 {status.zh}", f"sale status {status.en}")
    if record.get("restrictions"):
        found = [coded("restriction", one) for one in record["restrictions"]]
        zh, en = "、".join(one.zh for one in found), " + ".join(one.en for one in found)
        yield Words(f"限制 {zh}", f"restrictions {en}")


def _interest(record: Json) -> Iterable[Words]:
    if record.get("event_type") == "INTEREST_CHANGED":
        found = ", ".join(record.get("interested") or ()) or "-"
        yield Words(f"利害机构 {found}", f"interested {found}")


_TOLD: Mapping[str, Callable[[Json], Iterable[Words]]] = {
    "seizure": _seizure,
    "conflict": _conflict,
    "unit": _unit,
    "sale": _interest,
}
