"""A department's topics as tables in its own Postgres, kept by the engine that keeps the exchange's latest state.

A *target* is one schema of the department's database (``qianbei`` unless told otherwise): a table a subject, tables for
its lists of people, the positions, and what says whose it is (``target``). The way of a record: ``topics`` chooses
what is read, ``opening`` makes tables and session, ``broker.compaction`` folds, ``keeping`` runs it. A *rebuild* folds
everything anew into ``<target>_next`` beside the live tables, and ``swap`` puts it in their place.
"""
