"""Checks from outside whether the exchange keeps its promises, from topics and tables alone.

Four invariants, each a class of its own that is fed records and knows no server:

* ``conservation``: every intake record ends as exactly one decision or quarantine record, and what decisions say they
  wrote is what lies on ``exchange.*``;
* ``fold``: the tables ``latest`` are the fold of ``exchange.*``;
* ``projection``: ``dept.*`` is what the entitlement files make of ``exchange.*``, and nothing else;
* ``law``: in the order of decision no sale was accepted that the law forbids, and every clash has its conflict.

Nothing here uses the code that it judges: decoding, folding, projecting and judging are written anew, from the schemas in
the registry, the entitlement files and the policy. A test holds which modules may be imported. Every topic is read once.

*Required* is what was there when the check began; all of it must be in order. What came later is compared where it is
complete and is no fault where it is not, so a running exchange can be checked too.
"""

from qianbei.verify.report import CheckResult, Report, Violation
from qianbei.verify.run import verify

__all__ = ["CheckResult", "Report", "Violation", "verify"]
