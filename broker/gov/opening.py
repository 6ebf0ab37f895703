"""Putting the citizens' channel together."""

from broker.errors import ConfigError
from broker.gov.contracts import DEFINITION
from broker.query.definition import Offer, offers
from schemas.entitlements import load_entitlements, newest_schemas
from schemas.said import said


def offered() -> Offer:
    """What the platform may ask. Raises ConfigError if the catalogue does not let it."""
    schemas = newest_schemas()
    found = offers(load_entitlements(schemas=schemas), [DEFINITION], schemas)
    if not found:
        raise ConfigError(
            said("schemas/entitlements has no query own_contracts of gov: the platform may ask nothing")
        )
    return found[0]
