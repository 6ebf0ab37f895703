"""The long checks at full size: ``make long``. Each result is recorded with the commit; what is recorded is not run again.

python -m tests.long                all that this commit has not passed yet
python -m tests.long poll sync      of these, what it has not passed yet
python -m tests.long --list         what there is, and what is recorded
"""

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
RECORDS = ROOT / "benchmarks" / "results" / "long.jsonl"

CHECKS: dict[str, tuple[dict[str, str], list[str]]] = {
    "audit": (
        {"QIANBEI_AUDIT_EVENTS": "20000", "QIANBEI_AUDIT_TAMPERINGS": "200", "QIANBEI_AUDIT_KILLS": "20"},
        ["tests/fault/test_audit_chain.py", "tests/fault/test_audit_killed.py"],
    ),
    "erasure": (
        {"QIANBEI_ERASURE_WHOLE": "1", "QIANBEI_SEALED_HISTORIES": "300"},
        [
            "tests/integration/test_erasure.py",
            "tests/machine/test_sealed.py",
            "tests/machine/test_erasing.py",
        ],
    ),
    "backfill": (
        {"QIANBEI_BACKFILL_SALES": "20000", "QIANBEI_BACKFILL_KILLS": "20"},
        ["tests/fault/test_backfill.py"],
    ),
    "kill-and-restart": ({"QIANBEI_FAULT_EVENTS": "20000", "QIANBEI_RACES": "1000"}, ["tests/fault"]),
    "grants": ({"QIANBEI_GRANTS": "10"}, ["tests/fault/test_grant_in_stream.py"]),
    "law": (
        {"QIANBEI_LAW_HISTORIES": "2000", "QIANBEI_LAW_SEED": "", "QIANBEI_LAW_HISTORIES_ON_KAFKA": "50"},
        ["tests/machine/test_law.py", "tests/machine/test_law_on_kafka.py"],
    ),
    "newcomer": ({"QIANBEI_NEWCOMER_COLD": "1"}, ["tests/integration/test_newcomer.py"]),
    "poll": ({"QIANBEI_POLL_SECONDS": "600", "QIANBEI_POLL_KILLS": "8"}, ["tests/integration/test_poll.py"]),
    "upload": ({"QIANBEI_UPLOAD_STRIDE": "1"}, ["tests/unit/test_upload_killed.py"]),
    "rebuild": (
        {"QIANBEI_REBUILD_EVENTS": "100000", "QIANBEI_REBUILD_MOMENTS": "20"},
        ["tests/integration/test_rebuild.py"],
    ),
    "redecide": ({"QIANBEI_REDECIDE_HISTORIES": "500"}, ["tests/unit/test_redeciding.py"]),
    "stock": (
        {"QIANBEI_STOCK_ROWS": "1000000", "QIANBEI_STOCK_KILLS": "5"},
        ["tests/integration/test_stock_import.py"],
    ),
    "subscriber": (
        {"QIANBEI_SUBSCRIBER_RECORDS": "30000", "QIANBEI_SUBSCRIBER_KILLS": "20"},
        ["tests/fault/test_subscriber_killed.py"],
    ),
    "sync": ({"QIANBEI_SYNC_EVENTS": "6000", "QIANBEI_SYNC_KILLS": "10"}, ["tests/integration/test_sync.py"]),
    "ten-seeds": ({"QIANBEI_SEED_EVENTS": "20000"}, ["tests/integration/test_ten_seeds.py"]),
}


def commit() -> str:
    """The commit, with a mark if the tree differs from it in more than results."""
    head = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.strip()
    dirty = subprocess.run(
        ["git", "status", "--porcelain", "--", ".", ":!benchmarks/results"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    return head + ("+changes" if dirty.strip() else "")


def passed(name: str, at: str) -> bool:
    """Whether this check has passed at this commit."""
    if not RECORDS.exists():
        return False
    records = [json.loads(line) for line in RECORDS.read_text().splitlines()]
    return any(r["check"] == name and r["commit"] == at and r["passed"] for r in records)


def run(name: str, at: str) -> bool:
    """Run one check at its full size and record how it went."""
    changes, paths = CHECKS[name]
    begun = time.time()
    command = [sys.executable, "-m", "pytest", "-s", "--timeout=7200", *paths]
    code = subprocess.run(command, cwd=ROOT, env=os.environ | changes, check=False).returncode
    record = {
        "check": name,
        "commit": at,
        "passed": code == 0,
        "seconds": round(time.time() - begun),
        "sizes": changes,
    }
    RECORDS.parent.mkdir(parents=True, exist_ok=True)
    with RECORDS.open("a") as file:
        file.write(json.dumps(record) + "\n")
    return code == 0


def main() -> None:
    """Run what is left."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--list", action="store_true")
    parser.add_argument("names", nargs="*", metavar="CHECK", help=f"one of: {', '.join(CHECKS)}; none: all")
    given = parser.parse_args()
    if unknown := set(given.names) - set(CHECKS):
        parser.error(f"no such check: {', '.join(sorted(unknown))}; there are {', '.join(CHECKS)}")
    listing: bool = given.list
    at = commit()
    failed = []
    for name in given.names or CHECKS:
        if listing or passed(name, at):
            print(f"{name}: {'passed' if passed(name, at) else 'not yet run'} at {at[:12]}")
        elif not run(name, at):
            failed.append(name)
    sys.exit(f"failed: {', '.join(failed)}" if failed else 0)


if __name__ == "__main__":
    main()
