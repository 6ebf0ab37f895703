"""``qianbei audit``: the chains of the audit reader, checked from outside with code of its own, and handed to third parties.

``hashing`` computes anew what the service has hashed (the definition is in docs/audit.md), ``compare`` says what differs
between a segment's row and the log, ``chains`` walks one partition, ``checkpoints`` judges signatures. Nothing here imports
``broker.audit``.
"""

from qianbei.audit.findings import Finding, Report
from qianbei.audit.run import verify_chains

__all__ = ["Finding", "Report", "verify_chains"]
