"""``audit verify`` answers for the audit reader, so it may use nothing of it for its answers."""

from pathlib import Path

import qianbei.audit
from tests.unit.test_verify_imports import imported

ALLOWED = {
    "broker.deploy",  # which topics there are, and how long they keep records
    "broker.errors",
    "broker.kafka",  # transport
    "broker.settings",
    "broker.store.connect",
    "schemas.said",
}
"""No chain, key or store of the service: what they do is written anew."""


def test_audit_imports_only_transport_and_names() -> None:
    for path in sorted(Path(qianbei.audit.__file__).parent.glob("*.py")):
        for module in imported(path):
            ours = module.partition(".")[0] in {"schemas", "broker", "producers", "consumers", "qianbei"}
            assert not ours or module in ALLOWED or module.startswith("qianbei.audit"), (
                f"{path.name} imports {module}"
            )
