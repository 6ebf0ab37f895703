"""Claims: what stands on a house after a revision of something."""

from collections.abc import Iterable

from broker.admission.model import STANDING, Body, Claim, Emission, EntityKey

_KIND_FIELDS = {"seizure": "effective_kind", "title": "title_kind", "conflict": "kind", "signal": "kind"}


def claim_of(emission: Emission, standing: Iterable[EntityKey]) -> Claim | None:
    """The claim that an entity has on its house after this revision; None if it has none (any more).

    ``standing`` is what stands on the house by now.
    """
    subject, body = emission.key.subject, emission.body
    status = emission.status
    if emission.house_code is None or status is None or status not in STANDING.get(subject, ()):
        return None
    return Claim(
        emission.key,
        status,
        subject == "sale" and any(other.subject == "sale" and other != emission.key for other in standing),
        _contract_no(subject, body),
        tuple(body["interested"] or ()),
        body[_KIND_FIELDS.get(subject, "contract_kind")],
        body["rank"] if subject == "mortgage" else None,
        body["secured_principal"] if subject == "mortgage" else None,
    )


def _contract_no(subject: str, body: Body) -> str | None:
    number = body.get("sale_contract_no" if subject == "mortgage" else "contract_no")
    return None if number is None else str(number)
