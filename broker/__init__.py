"""The exchange itself: admission, routing and compaction, and what the three share."""
