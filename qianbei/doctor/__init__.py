"""Is this installation as it should be? Each check reads facts and judges them; each finding says how it is mended.

``servers``, ``kafka``, ``schemas``, ``database``, ``services``, ``machine`` each look at one thing; ``examine`` runs them
all, and goes on where a server is away: what depends on it then says so instead of being left out.
"""
