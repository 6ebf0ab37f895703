"""The taxes of a filed sale, prefilled for the tax office: 契税, 增值税, 个人所得税 (docs/reckoning.md, 4).

``prefill`` gives each with what it rests on; one that cannot be reckoned says what it needs. ``reverse`` takes a prefill
back when its contract is cancelled. Surcharges, land-value tax and stamp duty are not reckoned.
"""

from broker.reckoning.taxes.facts import HouseholdFacts, Part, Tax, TaxFacts, TaxNote, TaxPrefill
from broker.reckoning.taxes.prefill import prefill
from broker.reckoning.taxes.reversal import TaxReversal, reverse

__all__ = [
    "HouseholdFacts",
    "Part",
    "Tax",
    "TaxFacts",
    "TaxNote",
    "TaxPrefill",
    "TaxReversal",
    "prefill",
    "reverse",
]
