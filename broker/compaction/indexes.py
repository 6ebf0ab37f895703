"""What the exchange looks up in ``latest`` beside keys and parties. A query may ask by these columns and by no others.

None of them changes once it is set, but for numbers that come later (a filing number, the house of a held seizure): so a
new revision of a row seldom touches an index.
"""

from collections.abc import Mapping

INDEXED: Mapping[str, tuple[str, ...]] = {
    "unit": ("house_code", "realty_unit_no", "project_id"),
    "sale": ("house_code", "contract_no", "filing_no", "realty_unit_no"),
    "lease": ("house_code", "contract_no", "filing_no"),
    "mortgage": ("house_code", "contract_no", "sale_contract_no"),
    "seizure": ("house_code", "bound_house_code", "contract_no", "realty_unit_no", "case_no"),
    "title": ("house_code", "title_cert_no", "sale_contract_no", "realty_unit_no"),
    "household": ("household_no",),
    "feedback": ("house_code", "contract_no", "about_entity_id"),
    "watch": ("house_code", "case_no"),
    "defaulter": ("case_no",),
    "alias": ("house_code", "alias_house_code"),
    "conflict": ("house_code",),
}
"""By subject, the columns with an index of their own."""

RANGED: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "lease": (("county_code", "filed_at", "layout_code"),),
    "feedback": (("county_code", "happened_on"),),
}
"""By subject, the columns that have one index together: equal in the first, in a range and in the order of the second; what
follows is looked at in the index alone. Market rents, of a layout or of all, and checks of residence are found by them."""


def indexes_of(subject: str) -> tuple[tuple[str, ...], ...]:
    """The columns of each index of a subject."""
    return (*((name,) for name in INDEXED.get(subject, ())), *RANGED.get(subject, ()))
