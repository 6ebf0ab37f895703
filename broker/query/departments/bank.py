"""Banks: the contract of their own applicant, the homes of a family, the base of a loan, and what they have lent on."""

from broker.query.lending import lending

QUERIES = lending("bank", "COMMERCIAL")
