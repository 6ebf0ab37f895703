"""All definitions. A department's module is one line here."""

from collections.abc import Sequence

from broker.query.definition import Definition, Offer, offers
from broker.query.departments import (
    bank,
    civil,
    court,
    education,
    fund,
    police,
    tax,
)
from schemas.entitlements import Entitlement, newest_schemas, shipped_entitlements

DEFINITIONS: tuple[Definition, ...] = (
    *bank.QUERIES,
    *civil.QUERIES,
    *court.QUERIES,
    *education.QUERIES,
    *fund.QUERIES,
    *police.QUERIES,
    *tax.QUERIES,
)


def installed_offers(entitlements: Sequence[Entitlement] | None = None) -> list[Offer]:
    """The queries that these entitlements allow; None: those that are shipped. Raises ConfigError or EntitlementError."""
    granted = shipped_entitlements() if entitlements is None else entitlements
    return offers(granted, DEFINITIONS, newest_schemas())
