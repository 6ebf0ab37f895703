"""An agency's program, to be killed: records of a topic into its own Postgres, exactly once.

python -m tests.support.subscriber DSN GROUP TOPIC REFUSED, where REFUSED is a file: a line for each entity that the handler
fails on.
"""

import sys
import threading
from pathlib import Path

from broker.compaction.positions import Database
from broker.settings import load_settings
from consumers.delivery import Retries
from consumers.postgres import postgres
from consumers.records import DepartmentRecord
from consumers.subscription import Subscription

TABLE = "CREATE TABLE IF NOT EXISTS got (n bigserial PRIMARY KEY, entity text, revision bigint)"


def main(dsn: str, group: str, topic: str, refused: str) -> None:
    """Run until killed."""

    def handle(db: Database, record: DepartmentRecord) -> None:
        # Written before it fails, to show that nothing of a failed record stays.
        db.execute("INSERT INTO got (entity, revision) VALUES (%s, %s)", (record.entity_id, record.revision))
        if record.revision % 5 == 2 and record.entity_id in Path(refused).read_text().split():
            raise ValueError("not this one")

    subscription = Subscription(
        load_settings(), group, [topic], retries=Retries(attempts=1), most_held=100_000
    )
    subscription.run_into(postgres(dsn, group, handle), threading.Event())


if __name__ == "__main__":
    main(*sys.argv[1:])
