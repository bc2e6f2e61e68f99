"""The parts of `benchmarks/fleet_sim.py`."""
