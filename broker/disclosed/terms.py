"""The terms of each way out, kept in ``audit.terms``: a topic or question may be another tomorrow, what it disclosed is past.

A *way* is a department's topic (``dept.tax.sale.v1``) or a question as the access log names it (``bank/loan_base``). Deployment
adds a row when its terms are others than those that were kept last; none is ever changed.
"""

import json
from collections.abc import Mapping
from typing import Any

from broker.store.connect import Connection
from schemas.entitlements import SubjectEntitlement
from schemas.installation import Installation
from schemas.queries import Query

Terms = Mapping[str, Any]
"""As JSON: of a topic ``department``, ``subject`` and its ``SubjectEntitlement``, of a question ``group`` and its ``Query``."""

ELIGIBILITY = "front/eligibility"
"""What anybody who may file asks before a contract is signed: no department's own, so no entitlement file has it."""
_ELIGIBILITY = Query.model_validate(
    {
        "name": "eligibility",
        "legal_basis": "建房〔2020〕61号 六；豫建房〔2020〕402号；商建房管〔2020〕21号",
        "purpose": {
            "code": "ELIGIBILITY",
            "zh": "签约前核验房屋和买受人是否可以网签",
            "en": "Whether a contract could be signed online, before it is",
        },
        "number": "business_no",
        "needs": ["parties", "house_code"],
        "figures": {
            "eligible": {"kind": "boolean", "zh": "是否可以签约", "en": "Whether nothing stands in the way"},
            "reasons": {"kind": "texts", "zh": "不得签约的原因", "en": "What stands in the way"},
            "warnings": {"kind": "texts", "zh": "提示", "en": "What to look at"},
        },
    }
)

_KEEP = """
INSERT INTO audit.terms (way, since, terms)
SELECT %(way)s, clock_timestamp(), %(terms)s::jsonb
WHERE %(terms)s::jsonb IS DISTINCT FROM
    (SELECT terms FROM audit.terms WHERE way = %(way)s ORDER BY since DESC LIMIT 1)
"""
_TOPIC, _QUESTION = {"department", "subject"}, {"group"}


def terms_of(installation: Installation) -> dict[str, Terms]:
    """The terms of every way out of an installation, by way."""
    found: dict[str, Terms] = {ELIGIBILITY: {"group": "front"} | _plain(_ELIGIBILITY)}
    for grant in installation.grants:
        named = {"department": grant.department, "subject": grant.subject}
        found[grant.topic] = named | _plain(grant.terms)
    for entitlement in installation.entitlements:
        for query in entitlement.queries:
            found.setdefault(
                f"{entitlement.group}/{query.name}", {"group": entitlement.group} | _plain(query)
            )
    return found


def keep_terms(db: Connection, installation: Installation) -> int:
    """Add what has changed since it was kept last, and give how many."""
    rows = [{"way": way, "terms": json.dumps(terms)} for way, terms in terms_of(installation).items()]
    return sum(db.execute(_KEEP, row).rowcount for row in rows)


def eligibility_words() -> tuple[str, str]:
    """Purpose and legal basis of asking before a contract is signed."""
    return _ELIGIBILITY.purpose.code, _ELIGIBILITY.legal_basis


def of_topic(terms: Terms) -> SubjectEntitlement:
    """The entitlement of a topic's terms."""
    return SubjectEntitlement.model_validate({k: v for k, v in terms.items() if k not in _TOPIC})


def of_question(terms: Terms) -> Query:
    """The query of a question's terms."""
    return Query.model_validate({k: v for k, v in terms.items() if k not in _QUESTION})


def _plain(model: SubjectEntitlement | Query) -> dict[str, Any]:
    """As JSON types; sets in one order, since theirs differs from process to process."""
    found: dict[str, Any] = json.loads(json.dumps(model.model_dump(), default=_listed))
    return found


def _listed(value: object) -> object:
    return sorted(value) if isinstance(value, frozenset) else str(value)
