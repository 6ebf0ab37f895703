"""The audit reader: hash chains over the committed records of every topic, signed checkpoints, and an index of places.

A *chain* covers one partition. Its *head* after a record is ``H(head before ‖ offset ‖ timestamp ‖ content)``, once with
SHA-256 and once with SM3 (``chain`` has the bytes). Offsets are part of it, so that those which a log legally has no record
at (transaction markers, aborted batches) raise no alarm, and a record that goes missing does.

A *segment* is a row of ``audit.segment``: a run of records, the head after them, and a *mark* of each, which lets
``qianbei audit verify`` name the record that differs. A *checkpoint* signs the heads that have moved since the one before,
and names that one's digest; its key lies outside the database.

The chains of access-log rows are of the same kind: topic ``audit.access/<instance>``, partition 0, offset ``seq``.
"""
