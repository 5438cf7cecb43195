"""Connection scripts: what one connection meets, step by step, in place of routing."""
