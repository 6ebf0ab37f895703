"""The log read again: into fresh tables, as of any moment; compared with what stands; or out of the exchange, for an audit.

Nothing here joins a consumer group, writes to a topic, or writes to a live table, but for ``switching``, which puts
tables in the place of ``latest`` that know at least as much, and ``revealing``, which notes who saw what.

* ``heads``: the common fields of a record of ``exchange.*``, without decoding the rest.
* ``alone``: reading whole topics by oneself, where a service is a member of a group.
* ``targets``: the schema that a rebuild grows in; what it may never be.
* ``rebuilding``: the compaction engine on those.
* ``comparing``, ``explaining``: in what two schemas differ, and which events made it so.
* ``switching``: a rebuilt schema in the place of ``latest``, with readers online.
* ``selecting``, ``finding``, ``planning``: which records are given out; where the index says they lie; what is read.
* ``replaying``: giving them out at a pace, decoded (``decoding``) and masked (``masking``), with what is lasting kept.
* ``yielding``: waiting while the services fall behind live records.
* ``folder``, ``forms``, ``parquet``, ``outlets``: into files that go on exactly, or to a command; ``revealing``: who saw it.
* ``cursors``, ``past``: each slot's decisions in order, with what came in and what was written, all slots put in order.
* ``redeciding``: today's rules on them, in a ``world`` in memory; ``differing``: what is another; ``reopening``: a site's past.
"""
