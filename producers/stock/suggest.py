"""Proposing a mapping from the headers of a table and the Chinese names of the fields, to be edited by a person.

A header is compared with each field's name: the words before the colon of its ``doc``, its pinyin abbreviation in the
national standard, its own name, and what old systems call it. What no field resembles goes under ``ignore`` with a
mark, so that nothing is dropped unseen.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher

from producers.stock.mapping import field_at
from schemas.files import Schema, latest_version, load_schema

_LIKE_ENOUGH = 0.75
_UNIT = re.compile(r"[(（\[【](万元|亿元|元|平方米|㎡|m2)[)）\]】]$")
_UNITS = {"万元": "万元", "亿元": "亿元"}
_OWNED = frozenset({"event_id", "event_type", "version", "source", "baseline", "entity_id"})
_PERSONS = {
    "sale": ((0, "SELLER", ("出卖人", "卖方", "甲方", "转让方", "售房人")), (1, "BUYER", ("买受人", "买方", "乙方", "受让方", "购房人"))),
    "lease": ((0, "LESSOR", ("出租人", "甲方", "房东")), (1, "LESSEE", ("承租人", "乙方", "租客"))),
    "mortgage": ((0, "MORTGAGOR", ("抵押人", "甲方")), (1, "MORTGAGEE", ("抵押权人", "乙方"))),
}  # fmt: skip
_OF_PERSON = {
    "name": ("", "姓名", "名称", "姓名或名称"),
    "id_no": ("身份证号", "身份证号码", "证件号码", "证件号", "代码", "统一社会信用代码"),
    "id_type": ("证件类型", "证件种类", "证件类别"),
    "phone": ("电话", "联系电话", "手机", "手机号", "手机号码"),
}
_ALSO = {
    "total_price": ("总价", "成交价", "成交总价", "合同总价", "合同价款", "房款"),
    "contract_no": ("合同号", "网签合同号", "网签编号"),
    "filing_no": ("备案号", "备案证号"),
    "signed_at": ("签约日期", "签订日期", "网签日期", "签订时间", "网签时间"),
    "filed_at": ("备案日期",),
    "address": ("坐落", "房屋地址", "地址", "详细地址"),
    "gross_area": ("面积", "房屋面积"),
    "inner_area": ("套内面积",),
    "house_code": ("房屋编号", "房屋唯一码"),
    "county_code": ("区县代码", "行政区划代码"),
    "room_no": ("房号", "室号"),
    "building_no": ("楼栋号", "栋号", "楼号"),
}


@dataclass(frozen=True, slots=True)
class Suggestion:
    """One header, the field it looks like (None: none), the unit in its name, and how alike they are (0 to 1)."""

    header: str
    path: str | None
    unit: str | None
    likeness: float


def suggest(subject: str, headers: Iterable[str]) -> list[Suggestion]:
    """A field for each header; no field twice, the likest header gets it. Raises UnknownSchemaError."""
    names = dict(_names(subject))
    headers = list(headers)
    pairs = sorted(
        ((_likeness(header, ours), header, path) for header in headers for path, ours in names.items()),
        key=lambda pair: -pair[0],
    )
    chosen: dict[str, tuple[str, float]] = {}
    used: set[str] = set()
    for likeness, header, path in pairs:
        if likeness >= _LIKE_ENOUGH and header not in chosen and path not in used:
            chosen[header] = path, likeness
            used.add(path)
    return [_suggestion(header, chosen.get(header)) for header in headers]


def as_yaml(subject: str, event_type: str, found: Iterable[Suggestion]) -> str:
    """The mapping file, with a comment wherever a person must look."""
    found = list(found)
    lines = [
        "# A proposal: look at every line. `qianbei import --check` then says which rows the mapping does not fit.",
        f"subject: {subject}",
        f"event_type: {event_type}",
        "fixed:",
        *(f'  "parties[{n}].role": {role}' for n, role, _ in _PERSONS.get(subject, ())),
        *(f"  # {name}: ''  # 必填 required: {field}" for name, field in _missing(subject, found)),
        "columns:",
        *(f"  {_quoted(one.header)}: {_target(subject, one)}" for one in found if one.path),
        *(["ignore:"] if any(not one.path for one in found) else []),
        *(f"  - {_quoted(one.header)}  # no field is like it" for one in found if not one.path),
    ]
    return "\n".join(lines) + "\n"


def _names(subject: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Each field that a source may fill, with what it may be called."""
    for field in load_schema(subject, latest_version(subject))["fields"]:
        if field["name"] in _OWNED or field.get("owner") == "exchange" or field["name"] == "parties":
            continue
        yield (
            field["name"],
            (_zh(field), field.get("pinyin", ""), field["name"], *_ALSO.get(field["name"], ())),
        )
    for n, _, roles in _PERSONS.get(subject, ()):
        for name, words in _OF_PERSON.items():
            yield f"parties[{n}].{name}", tuple(role + word for role in roles for word in words)


def _zh(field: Schema) -> str:
    return str(field["doc"]).split("：", 1)[0]


def _likeness(header: str, names: Iterable[str]) -> float:
    bare = _UNIT.sub("", header).strip().lower()
    return max(SequenceMatcher(None, bare, name.lower()).ratio() for name in names if name)


def _suggestion(header: str, chosen: tuple[str, float] | None) -> Suggestion:
    unit = _UNIT.search(header)
    path, likeness = chosen or (None, 0.0)
    return Suggestion(header, path, _UNITS.get(unit[1]) if unit else None, likeness)


def _missing(subject: str, found: Iterable[Suggestion]) -> Iterator[tuple[str, str]]:
    filled = {one.path for one in found}
    for field in load_schema(subject, latest_version(subject))["fields"]:
        given = field["name"] in _OWNED | {"contract_status", "parties"} | filled
        if "default" not in field and not given:
            yield field["name"], _zh(field)


def _target(subject: str, one: Suggestion) -> str:
    parts = {"unit": one.unit, "codes": "zh" if _is_coded(subject, one.path or "") else None}
    more = "".join(f", {name}: {value}" for name, value in parts.items() if value)
    doubt = "" if one.likeness == 1 else f"  # {one.likeness:.0%} alike: is it this?"
    return f'{{to: "{one.path}"{more}}}{doubt}'


def _is_coded(subject: str, path: str) -> bool:
    return "code_list" in field_at(subject, path)


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
