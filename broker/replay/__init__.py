"""The log read again: into fresh tables, as of any moment; compared with what stands; or out of the exchange, for an audit.

Nothing here joins a consumer group, writes to a topic, or writes to a live table, but for ``switching``, which puts
tables in the place of ``latest`` that know at least as much.

* ``heads``: the common fields of a record of ``exchange.*``, without decoding the rest.
* ``alone``: reading whole topics by oneself, where a service is a member of a group.
* ``targets``: the schema that a rebuild grows in; what it may never be.
* ``rebuilding``: the compaction engine on those.
* ``comparing``, ``explaining``: in what two schemas differ, and which events made it so.
* ``switching``: a rebuilt schema in the place of ``latest``, with readers online.
"""
