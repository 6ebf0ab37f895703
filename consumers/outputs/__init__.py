"""Where a subscription's records can go without code: files by day (``daily``), and a web hook (``webhook``)."""
