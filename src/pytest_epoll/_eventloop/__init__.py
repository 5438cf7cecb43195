"""Floor 2: sockets, readiness, time and threads. It carries out acts and knows no HTTP and no fault."""
