"""Floor 0: plain values. No I/O, no clock but `clock`, no threads."""
