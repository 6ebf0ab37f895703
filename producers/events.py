"""What a source may send; the front door asks the same (``broker.events``)."""

from broker.events import InvalidEvent, checked_record, sendable

__all__ = ["InvalidEvent", "checked_record", "sendable"]
