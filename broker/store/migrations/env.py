"""Alembic's entry point. The connection is handed in by ``broker.store.migrate``; there is no ini file."""

from alembic import context

from broker.store.migrate import VERSION_TABLE
from broker.store.tables import metadata

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=metadata, version_table=VERSION_TABLE)
with context.begin_transaction():
    context.run_migrations()
