"""Postgres: tables as SQLAlchemy Core, migrations by Alembic, one least-privileged role a service."""
