"""The wire `netra.v1` and its machines. Sans-I/O: no await, no clock, no sockets."""
