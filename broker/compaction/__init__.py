"""The fold of a change log into Postgres: one table a subject, the newest revision of each entity.

The engine knows nothing of housing. It is given Avro schemas whose records have an ``entity_id`` (the key) and a
``revision``, and keeps one row a key. The exchange runs it on ``exchange.*`` into the schema ``latest``; a department
runs the same engine on its own ``dept.*`` topics into its own Postgres.

What it guarantees, whatever the order, repetition or splitting of its input:

* A row is the record with the highest revision of its key; an older one never overwrites it, not even for a moment.
* The next offsets are part of the same transaction as the rows, so a record is neither lost nor taken twice.
* Only the owner of a partition writes: its epoch is checked in that transaction too.
* One record that Postgres refuses (a NUL character, a number out of range) is set aside in ``rejected`` by its place
  and digest, and the others go on. A server that does not answer is waited for; nothing is set aside for that.
* No error, log line or table for errors holds a value of a record.

The way of a batch: ``engine`` keeps the newest of each key before anything is decoded, ``transcode`` turns Avro bytes
into COPY bytes, ``merge`` folds the staged rows in with a handful of set-based statements, ``rejects`` finds the
record that does not go in. ``fields`` and ``tables`` say what a schema becomes in Postgres.
"""
