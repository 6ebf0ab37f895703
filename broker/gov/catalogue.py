"""The catalogue item (政务数据资源目录) of what the platform may ask: made from the entitlement and the Avro files.

Its columns are those that resource catalogues have in practice: department, name, fields, frequency, region, method, and the
kind of sharing of each field (国发〔2016〕51号: 无条件、有条件、不予共享).
"""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from broker.query.cutting import selection
from broker.query.definition import Offer
from schemas.codelists import code_list
from schemas.derive import Leaf, Pick, Schema
from schemas.queries import Figure

CITY = "411400"
_CONDITIONAL = "有条件共享"


class _Words(NamedTuple):
    """How a resource is named in a catalogue, and on what condition it is shared."""

    zh: str
    en: str
    condition: str


_WORDS: Mapping[str, _Words] = {
    "own_contracts": _Words(
        "房屋网签备案合同（本人）",
        "Housing contracts filed online (a citizen's own)",
        "经政务服务平台实名核验的公民，仅限查询本人为当事人的合同",
    ),
    "own_disclosures": _Words(
        "房屋网签备案信息被查看记录（本人）",
        "Who was given a citizen's data from online filing (his own)",
        "经政务服务平台实名核验的公民，仅限查询本人信息；法律规定应当保密的除外",
    ),
}


def item(offer: Offer, path: str, schemas: Mapping[str, Schema]) -> dict[str, Any]:
    """The catalogue item as JSON."""
    query, words = offer.query, _WORDS[offer.query.name]
    return {
        "code": f"qianbei/{offer.label}/1",
        "name": words.zh,
        "name_en": words.en,
        "department": "市住房保障和房产管理局",
        "department_en": "Housing bureau",
        "summary": query.purpose.zh,
        "summary_en": query.purpose.en,
        "legal_basis": query.legal_basis,
        "sharing": _CONDITIONAL,
        "sharing_condition": words.condition,
        "region": {"code": CITY, "name": code_list("county")[CITY].zh},
        "frequency": "实时",
        "method": {
            "kind": "接口",
            "protocol": "HTTPS REST",
            "path": path,
            "signature": "HMAC-SM3 / HMAC-SHA256",
        },
        "format": "application/json; charset=utf-8",
        "input": [{"name": name} for name in query.needs],
        "fields": list(_fields(offer, schemas)),
    }


def _fields(offer: Offer, schemas: Mapping[str, Schema]) -> Iterator[dict[str, Any]]:
    for name, records in offer.query.records.items():
        for pick in selection(records, schemas[records.subject]):
            yield from _picked(name, pick)
    for path, figure in offer.query.figures.items():
        yield _figure(path, figure)


def _picked(prefix: str, pick: Pick) -> Iterator[dict[str, Any]]:
    path = f"{prefix}.{pick.name}"
    if not isinstance(pick, Leaf):
        for inner in pick.picks:
            yield from _picked(path, inner)
        return
    doc = str(pick.field.get("doc", ""))
    yield {
        "name": path,
        "zh": doc.partition("：")[0],
        "description": doc + ("（已遮盖）" if pick.mask else ""),
        "type": "text" if pick.protected or pick.mask else _type(pick.type),
        "sharing": pick.field.get("sharing", _CONDITIONAL),
        "masked": pick.mask is not None,
    }


def _figure(path: str, figure: Figure) -> dict[str, Any]:
    return {
        "name": path,
        "zh": figure.zh,
        "description": figure.zh,
        "type": figure.kind.value,
        "sharing": _CONDITIONAL,
        "masked": False,
    }


def _type(kind: Any) -> str:
    if isinstance(kind, str):
        return {"string": "text", "long": "integer", "int": "integer"}.get(kind, kind)
    return {"timestamp-micros": "time", "date": "date", "decimal": "decimal"}.get(
        kind.get("logicalType", ""), "list"
    )
