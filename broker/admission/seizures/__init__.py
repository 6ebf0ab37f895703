"""Seizures (查封) of a house: one queue by time of service, terms, expiry, and the finding of a house that was not known.

Rules: 法发〔2004〕5号 19, 20 (waiting ones take effect by order of service; disposal), 民诉法解释 485 (terms, renewal), the
rules on pre-seizure of the same notice (a pre-seizure becomes a seizure at registration, its term kept).
"""

from broker.admission.seizures.binding import ask, bound
from broker.admission.seizures.due import expired, fire, fire_listing, listing_expired
from broker.admission.seizures.follow import follow
from broker.admission.seizures.own import own_fields

__all__ = [
    "ask",
    "bound",
    "expired",
    "fire",
    "fire_listing",
    "follow",
    "listing_expired",
    "own_fields",
]
