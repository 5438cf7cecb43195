"""Floor 3: what a connection means. Routes, exchanges, sessions, the record, and the engine that owns the thread."""
