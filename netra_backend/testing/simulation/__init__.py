"""A seeded simulation of gateways, workers, stores and browsers on virtual time; see its design page.

The real code runs above the ports; below them are the memory adapters and every fault that a plan
draws. The same seed is the same schedule, byte for byte.
"""

from netra_backend.testing.simulation.parts import Parts
from netra_backend.testing.simulation.plan import Fault, Plan, draw
from netra_backend.testing.simulation.schedule import Verdict, first_failure, play, report, shrink

__all__ = ["Fault", "Parts", "Plan", "Verdict", "draw", "first_failure", "play", "report", "shrink"]
