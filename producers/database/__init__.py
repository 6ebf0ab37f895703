"""A filing system's own database as a source (docs/database.md).

The way of a change: ``reading`` asks the database for rows, ``changes`` says which of them are news, ``producers.stock``
makes events of them, ``polling`` sends them and learns what was decided, ``state`` remembers all of it. What is about to be
sent is remembered before it is sent, so that a run which dies sends the very same again.
"""
