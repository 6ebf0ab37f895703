"""Looking into a running exchange without touching it: records, quarantine, lag, and what a client needs to connect."""
