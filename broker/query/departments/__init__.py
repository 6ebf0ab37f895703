"""One module a department: what it asks, and how that is answered."""
