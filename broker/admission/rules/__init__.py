"""The law at the gate: one small pure function a rule, listed here in the order in which they are asked.

A rule sees a candidate and the draft of its decision and returns its reasons; none means that it has no objection. All
rules are asked, so a refusal names everything that stands in the way. What an objection does to the record is not the
rule's to say but the policy's (``schemas/policy/rules.yaml``), by county and by the day of the decision. A new rule gets
a module of its own beside these, one line in ``RULES``, its text among the reasons and its entry in the policy.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from broker.admission.draft import Draft
from broker.admission.model import Candidate
from broker.admission.reasons import Reason, Severity
from broker.admission.rules.buyer_not_listed import buyer_not_listed
from broker.admission.rules.contract_unencumbered import contract_unencumbered
from broker.admission.rules.lease_term import lease_term
from broker.admission.rules.mortgage_terms import mortgage_terms
from broker.admission.rules.presale_permit import presale_permit
from broker.admission.rules.seizure_terms import seizure_terms
from broker.admission.rules.unit_free import unit_free
from broker.admission.rules.unit_known import unit_known
from broker.admission.rules.unit_not_seized import unit_not_seized

Rule = Callable[[Candidate, Draft], Sequence[Reason]]

RULES: tuple[Rule, ...] = (
    unit_known,
    unit_free,
    unit_not_seized,
    buyer_not_listed,
    presale_permit,
    mortgage_terms,
    lease_term,
    contract_unencumbered,
    seizure_terms,
)


def objections(candidate: Candidate, draft: Draft) -> list[Reason]:
    """All that the rules in force hold against a candidate, each with the version of the rule that it rests on.

    Stock data (``baseline``) tells what happened before the exchange, lawful or not: it is taken, with warnings.
    """
    found = (reason for rule in RULES for reason in rule(candidate, draft))
    return list(_in_force(found, candidate, draft))


def _in_force(reasons: Iterator[Reason], candidate: Candidate, draft: Draft) -> Iterator[Reason]:
    county, baseline = candidate.body["county_code"], candidate.body["baseline"]
    for reason in reasons:
        ruling = draft.policy.ruling(reason.code, county, draft.today)
        if ruling is not None:
            yield replace(
                reason,
                severity=Severity.WARN if baseline else Severity(ruling.severity),
                legal_basis=ruling.legal_basis or reason.legal_basis,
                rule_version=ruling.version,
            )
