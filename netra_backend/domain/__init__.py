"""What Netra is about: owners, threads, runs and the ports to the outside. No I/O."""
