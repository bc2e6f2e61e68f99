"""The machine: its cores, memory and descriptors, and how much other programs use it."""
