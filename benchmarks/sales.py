"""Sale contracts of realistic shape for measurements: deterministic, synthetic, and quick to make.

Each contract runs through its life (signed, filed, a few amendments and changes of interest, completed). The events of
all contracts are mixed evenly over the whole log, each contract's own in order. That is the hardest case for a reader
that folds a batch: real contracts change within days and then rest.
"""

import hashlib
import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from io import BytesIO
from typing import Any, NamedTuple
from uuid import UUID

import fastavro

_SIGNED = datetime(2021, 3, 1, tzinfo=UTC)
_BANKS = (("商丘甲银行", "91411400MA4000012N"), ("商丘乙银行", "914114027067800106"))
_SURNAMES = "王李张刘陈杨黄赵吴周徐孙马朱胡郭何高林罗"
_ROADS = ("神火大道", "归德路", "南京路", "文化路", "凯旋路", "睢阳大道")


class Event(NamedTuple):
    """One record of ``exchange.sale``."""

    key: bytes
    value: bytes
    revision: int
    headers: tuple[tuple[str, bytes], ...]


@dataclass(slots=True)
class _Life:
    """One contract: the values that stay, and the encoded parts after the head, which rarely change."""

    entity_id: str
    head: dict[str, Any]
    parties: list[dict[str, Any]]
    house: bytes
    parties_bytes: bytes
    terms: dict[str, Any]
    terms_bytes: bytes


class SaleWriter:
    """Encodes events of sales in four parts of the record, of which only those that change are encoded anew."""

    def __init__(self, schema: dict[str, Any], schema_id: int, seed: int) -> None:
        fields = schema["fields"]
        names = [field["name"] for field in fields]
        house, parties = names.index("house_code"), names.index("parties")
        self._head = _part(fields[:house])
        self._house = _part(fields[house:parties])
        self._parties = _part(fields[parties : parties + 1])
        self._terms = _part(fields[parties + 1 :])
        self._magic = b"\x00" + schema_id.to_bytes(4, "big")
        self._random = random.Random(seed)

    def events(self, contracts: int, events: int) -> Iterator[Event]:
        """``events`` events over ``contracts`` contracts, each of which has at least one."""
        lives = [self._life(n) for n in range(contracts)]
        order = [*range(contracts), *(self._random.randrange(contracts) for _ in range(events - contracts))]
        self._random.shuffle(order)
        revisions = [0] * contracts
        for n in order:
            revisions[n] += 1
            yield self._event(lives[n], revisions[n])

    def _event(self, life: _Life, revision: int) -> Event:
        kind, status = _STEPS[min(revision, len(_STEPS)) - 1]
        event_id = str(UUID(int=self._random.getrandbits(128), version=4))
        at = _SIGNED + timedelta(hours=revision * 30, microseconds=self._random.randrange(10**9))
        head = life.head | {
            "event_id": event_id,
            "event_type": kind,
            "version": revision,
            "revision": revision,
            "occurred_at": at,
            "recorded_at": at + timedelta(milliseconds=40),
            "decision_id": str(UUID(int=self._random.getrandbits(128), version=4)),
            "contract_status": status,
            "filing_no": None if revision == 1 else "BA" + life.entity_id[:10],
            "filed_at": None if revision == 1 else at,
        }
        if kind == "AMENDED":
            self._amend(life)
        value = b"".join(
            (self._magic, _encode(self._head, head), life.house, life.parties_bytes, life.terms_bytes)
        )
        return Event(
            life.entity_id.encode(), value, revision, _headers(event_id, kind, at, life.entity_id, revision)
        )

    def _amend(self, life: _Life) -> None:
        price = Decimal(self._random.randrange(40_000_000, 200_000_000)) / 100
        life.terms |= {"total_price": price, "unit_price": (price / 98).quantize(Decimal("0.01"))}
        life.terms_bytes = _encode(self._terms, life.terms)
        if self._random.random() < 0.2:
            life.parties = [*life.parties[:3], self._party("BUYER")]
            life.parties_bytes = _encode(self._parties, {"parties": life.parties})

    def _life(self, n: int) -> _Life:
        chance = self._random
        entity_id = str(UUID(int=chance.getrandbits(128), version=4))
        bank, uscc = _BANKS[n % 2]
        head = {
            "entity_id": entity_id,
            "source": "bureau",
            "county_code": f"41140{2 + n % 2}",
            "baseline": False,
            "interested": ["fund", "bank.icbc" if n % 2 else "bank.ccb"],
            "contract_no": f"SQ2021{n:08d}",
            "contract_kind": "11",
            "version_no": 1,
            "signed_at": _SIGNED + timedelta(minutes=n),
            "filing_org_code": "12411400MB1000002A",
        }
        house = {
            "house_code": f"41140200120210300{n // 9999 % 10000:04d}{n % 9999 + 1:04d}6",
            "realty_unit_no": f"411402001003GB{n // 9999:05d}F0001{n % 9999 + 1:04d}",
            "address": f"河南省商丘市梁园区{chance.choice(_ROADS)}{n % 400 + 1}号{n % 30 + 1}号楼{n % 33 + 1}01室",
            "gross_area": Decimal(chance.randrange(6000, 16000)) / 100,
            "inner_area": Decimal(chance.randrange(4000, 6000)) / 100,
            "planned_use_code": "11",
            "building_no": str(n % 30 + 1),
            "floor_label": str(n % 33 + 1),
            "room_no": f"{n % 33 + 1}01",
        }
        terms = {
            "total_price": Decimal("706464.00"),
            "unit_price": Decimal("7200.00"),
            "price_basis": "1",
            "payment_method": "3",
            "down_payment": Decimal("206464.00"),
            "loan_amount": Decimal("500000.00"),
            "lender_name": bank,
            "lender_uscc": uscc,
            "presale_permit_no": f"商房预售字第2020{n % 300:04d}号",
            "delivery_date": date(2022, 6, 30),
            "source_system": "SQWQ",
            "source_seq": str(n),
        }
        parties = [self._party("SELLER"), self._party("BUYER"), self._party("BUYER")][: 2 + n % 2]
        return _Life(
            entity_id,
            head,
            parties,
            _encode(self._house, house),
            _encode(self._parties, {"parties": parties}),
            terms,
            _encode(self._terms, terms),
        )

    def _party(self, role: str) -> dict[str, Any]:
        chance = self._random
        id_no = f"411499{chance.randrange(1950, 2000)}{chance.randrange(10**8):08d}"
        return {
            "role": role,
            "party_kind": "1",
            "party_ref": hashlib.sha256(id_no.encode()).hexdigest(),
            "name": _protected(chance.choice(_SURNAMES) + chr(0x4E00 + chance.randrange(5000))),
            "id_type": "1",
            "id_no": _protected(id_no),
            "phone": _protected(f"138{chance.randrange(10**8):08d}"),
            "nationality": "CHN",
            "co_ownership_code": "2" if role == "BUYER" else None,
            "share": Decimal("0.500000") if role == "BUYER" else None,
        }


_STEPS = (
    ("SIGNED", "SIGNED"),
    ("FILED", "FILED"),
    ("INTEREST_CHANGED", "FILED"),
    ("AMENDED", "AMENDED"),
    ("AMENDED", "AMENDED"),
    ("COMPLETED", "COMPLETED"),
)


def _part(fields: list[dict[str, Any]]) -> Any:
    """A run of a record's fields as a record of its own. Named types must lie within one run."""
    return fastavro.parse_schema({"type": "record", "name": "Part", "fields": fields}, _force=True)


def _protected(text: str) -> dict[str, Any]:
    return {"key_id": "clear", "nonce": b"", "ciphertext": text.encode()}


def _encode(parsed: Any, record: dict[str, Any]) -> bytes:
    out = BytesIO()
    fastavro.schemaless_writer(out, parsed, record)
    return out.getvalue()


def _headers(
    event_id: str, kind: str, at: datetime, entity_id: str, revision: int
) -> tuple[tuple[str, bytes], ...]:
    return (
        ("ce_specversion", b"1.0"),
        ("ce_id", event_id.encode()),
        ("ce_source", b"bureau"),
        ("ce_type", kind.encode()),
        ("ce_time", at.isoformat().encode()),
        ("ce_subject", entity_id.encode()),
        ("content-type", b"application/avro"),
        ("qb_revision", str(revision).encode()),
    )
