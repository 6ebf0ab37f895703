"""The released Avro schemas: one immutable file a version, ``avro/<record>/v<N>.avsc``.

A *record* is a subject, or one of `ANSWERS` (what the exchange answers with). Fields carry properties besides
Avro's own; admission compiles its checks from them, and derived schemas keep some. They are:

=================  ==========================================================================================
``pinyin``         the field's code in the standard or in live systems (BDCDYDM, FWBM …)
``core``           an item of the national standard: never null and never empty
``format``         uuid, house_code, realty_unit_no, case_no, uscc, phone, county, or
                   ``id_no``, which is judged by the sibling ``id_type``
``code_list``      the code list that the value (each item, for a list of strings) is from
``min_length``     in characters: of the clear text, of each item of a list; ``max_length`` likewise
``positive``       > 0; ``non_negative``: >= 0
``not_before``     names the sibling date or time that must not be later than this one
``at_most``        names the sibling number that this one must not exceed
``sum_of``         names the siblings that must add up to this one (tolerance 0.01), where all are given
``max_years``      with ``not_before``: the longest span between the two, in years
``min_items``      of a list; ``max_items`` likewise
``roles``          roles that items of a party list may have; ``required_roles`` are there at least once
``required_from``  FILED: not null in FILED, AMENDED, COMPLETED, CANCELLED and REVOKED contracts
``required_for``   the ``contract_kind`` codes in which the field must not be null
``owner``          ``exchange``: null on intake, filled by the exchange
``sharing``        共享方式 of the standard: 无条件共享, 有条件共享 or 不予共享
=================  ==========================================================================================

A field of type ``Protected`` holds personal data. A *party list* is an array of records with a ``party_ref``.
"""

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

import fastavro

from schemas.catalogue import load_catalogue
from schemas.said import said

Schema = dict[str, Any]

FOLDER = Path(__file__).with_name("avro")
NAMESPACE = "cn.qianbei"
ANSWERS = ("decision", "quarantine")
"""Records that are no subjects: what the exchange answers a source with, and what it tells its operators."""

CLEAR = "clear"
"""The key id of a protected value that is not encrypted."""

ERASED = "erased"
"""The key id of a protected value that was erased: nonce and ciphertext are empty."""

_VERSION = re.compile(r"v([1-9][0-9]*)\.avsc")


class UnknownSchemaError(LookupError):
    """There is no released schema of that record or version."""


def subjects() -> tuple[str, ...]:
    """The subjects, in the order of the catalogue."""
    return tuple(load_catalogue().subjects)


def records() -> tuple[str, ...]:
    """All records that have schemas: the subjects, then `ANSWERS`."""
    return subjects() + ANSWERS


def full_name(record: str) -> str:
    """The Avro full name: ``sale`` -> ``cn.qianbei.Sale``."""
    return f"{NAMESPACE}.{''.join(part.capitalize() for part in record.split('_'))}"


@cache
def released_versions(record: str) -> tuple[int, ...]:
    """The released versions of a record, ascending. Raises UnknownSchemaError if there are none."""
    found = [_VERSION.fullmatch(path.name) for path in FOLDER.joinpath(record).glob("*.avsc")]
    versions = tuple(sorted(int(match[1]) for match in found if match))
    if record not in records() or not versions:
        raise UnknownSchemaError(
            said("no schema of {record}; there are {records}", record=record, records=", ".join(records()))
        )
    return versions


def latest_version(record: str) -> int:
    """The newest released version of a record."""
    return released_versions(record)[-1]


def schema_path(record: str, version: int) -> Path:
    """Where the file of a released version is. Raises UnknownSchemaError."""
    if version not in released_versions(record):
        raise UnknownSchemaError(
            said(
                "no version {version} of {record}; there are {record2}",
                version=version,
                record=record,
                record2=released_versions(record),
            )
        )
    return FOLDER / record / f"v{version}.avsc"


@cache
def load_schema(record: str, version: int) -> Schema:
    """The schema as written, with all properties. It is shared by all callers: do not change it."""
    schema: Schema = json.loads(schema_path(record, version).read_text(encoding="utf-8"))
    return schema


@cache
def parsed(record: str, version: int) -> Schema:
    """The schema as fastavro parsed it (full names, properties kept), to read and write with. Read-only."""
    # fastavro writes into what it is given.
    found = fastavro.parse_schema(json.loads(schema_path(record, version).read_text(encoding="utf-8")))
    assert isinstance(found, dict)
    return found
