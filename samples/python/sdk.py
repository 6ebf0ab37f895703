"""Reads one department's topic with this project's SDK.

    set -a; . ./tax.env; set +a        # qianbei connection tax --format env > tax.env
    python sdk.py [TOPIC]

Prints one JSON line a record. A record that the handler fails on is tried again, then held in the department's own
dead-letter topic with all later ones of its contract; the others go on.
"""

import json
import os
import signal
import sys
import threading

from broker import logging
from broker.settings import load_settings
from consumers.records import DepartmentRecord, Newest
from consumers.subscription import Subscription

held: Newest[DepartmentRecord] = Newest()
"""The newest state of each contract. Yours belongs in your database: `consumers.postgres` does it exactly once."""


def handle(record: DepartmentRecord) -> None:
    """Your job goes here. After a crash the last records come again, and `Newest` passes over them."""
    if held.put(record, None if record.left else record):
        told = {"entity_id": record.entity_id, "revision": record.revision, "event_type": record.event_type}
        print(json.dumps(told), flush=True)


def main() -> None:
    """Read until SIGTERM or Ctrl-C."""
    topic = sys.argv[1] if len(sys.argv) > 1 else os.environ["QIANBEI_DEPT_TOPICS"].split(",")[0]
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    logging.configure(level="WARNING")  # to stderr, one event a line
    # The group remembers how far you have read. It must begin with your prefix.
    group = os.environ["QIANBEI_GROUP_PREFIX"] + "sample-sdk"
    Subscription(load_settings(), group, [topic]).run(handle, stop)


if __name__ == "__main__":
    main()
