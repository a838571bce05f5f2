"""Several gateways and workers on one machine: started, watched, killed and drained together.

What `netra stack`, `netra chaos` and the tests of faults stand on. Imported by nothing that serves.
"""
