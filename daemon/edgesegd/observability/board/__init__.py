"""The board's own metrics: its clock, its memory and its sensors, each read when the page is."""
