"""Floor 3: what a person reads. Pure functions from facts and plain values to text."""
