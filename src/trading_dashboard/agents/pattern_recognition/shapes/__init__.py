"""Chart patterns from confirmed pivots: found as bars close, never from a later bar."""
