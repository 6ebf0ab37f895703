"""Who may see what: a table written by hand from the law, and records in which every value says where it came from."""
