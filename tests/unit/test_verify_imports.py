"""``verify`` answers for the exchange, so it may use nothing of the exchange for its answers."""

import ast
from pathlib import Path

import qianbei.verify

ALLOWED = {
    "broker.errors",  # what an answer may fail with
    "broker.kafka",  # transport
    "broker.registry",
    "broker.settings",
    "broker.store.connect",
    "broker.topics",  # names of topics and users
    "qianbei.site",  # where the servers are
    "schemas.said",  # how a text is marked for translation
}
"""No codec, admission, routing, compaction, derivation or entitlement reader: what they do is written anew."""


def test_verify_imports_only_transport_and_names() -> None:
    for path in sorted(Path(qianbei.verify.__file__).parent.glob("*.py")):
        for module in imported(path):
            ours = module.partition(".")[0] in {"schemas", "broker", "producers", "consumers", "qianbei"}
            assert not ours or module in ALLOWED or module.startswith("qianbei.verify"), (
                f"{path.name} imports {module}"
            )


def imported(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path.name}: relative imports hide what is imported"
            found.add(node.module or "")
    return found
