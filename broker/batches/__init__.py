"""Batches of records in files, for zones that only files may cross. Both directions share the format.

Vocabulary. A *channel* is one principal's way in one direction. Its *writer* makes *batches*, numbered 1, 2, 3 …, in the
``outbox`` of its folder; a *carrier* (a person with a disk, a ferry between zones) copies them into the ``inbox`` of the
*reader*'s folder, whenever, in whatever order, as often as it likes; the reader answers each with a *receipt*, which is
carried back. A *manifest* lists a batch's files with sizes and digests and names the digest of the manifest before it,
so that batches form a *chain*: one that is missing, repeated, changed or from another writer is seen.

Guarantees. A batch counts only when it is whole: its manifest comes last. The reader takes each number once, in order,
and nothing of a batch before all of it is verified. Every change of a folder is a rename of something that is already
on the disk, so ``kill -9`` at any moment loses and doubles nothing. Memory does not grow with a batch.

A digest shows damage, not forgery: who can change a file can change its digest. With a key shared by both ends,
manifests and receipts are signed (HMAC-SHA256), and unsigned ones are refused.
"""

from broker.batches.batch import OpenBatch
from broker.batches.errors import BadBatch, Incomplete
from broker.batches.folder import Folder
from broker.batches.format import Channel, Direction, FileEntry, Manifest, Offsets, Position, Receipt
from broker.batches.inbox import Answer, Inbox, Look
from broker.batches.outbox import Outbox
from broker.batches.received import Reader, Received
from broker.batches.signing import read_key
from broker.batches.writing import BatchWriter

__all__ = [
    "Answer",
    "BadBatch",
    "BatchWriter",
    "Channel",
    "Direction",
    "FileEntry",
    "Folder",
    "Inbox",
    "Incomplete",
    "Look",
    "Manifest",
    "Offsets",
    "OpenBatch",
    "Outbox",
    "Position",
    "Reader",
    "Receipt",
    "Received",
    "read_key",
]
