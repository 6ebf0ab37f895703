"""A department behind a zone that only files may cross: its topics in batches, packed there and taken here.

``sending`` is the exchange's end: it reads the department's topics, as that department, into an outbox. ``taking`` is the
department's end, and needs no network to the exchange: it applies batches in order to a target that remembers, for each
partition, the offset of the next record: ``tables`` (the engine of ``qianbei sync``, and the same tables), or any
``consumers.target`` that remembers (files by day, a Postgres of one's own).

Records go as they lie in Kafka, to the byte, with their places (``lines``) and the schemas of their writers
(``carried``). So what a target holds does not depend on how they came: a target that was kept over the line can go on by
files, and the other way round; what comes twice is skipped by its offset.
"""
