"""Upload of the monitoring department's records to the province and the nation (建房〔2020〕61号 七). See docs/upload.md.

Vocabulary. A *filing* is one revision of a project, unit or contract, in the national standard's *items* (their names are
the standard's, as ``FWBM``); its *day* is the day in China on which the exchange recorded it. A *route* is the way that a
county's filings go on a day: through the ``city``, or straight to the ``province``. Route and county together are a
*channel* of numbered batches (``broker.batches``). The *ledger* is the sender's own database: positions, filings, and which
batch each filing is in. The *receiver* is the other end; ``qianbei upload receiver`` is one for tests and sandboxes.

Guarantees. A filing is in one batch, once, by the route of its day; what is killed at any moment goes on where it was. A
batch that is made again is the same to the byte. What lacks a national item is counted, never dropped silently.
Reconciliation compares a day of a channel by figures, then buckets, then filings, and sends again exactly what differs.
"""
