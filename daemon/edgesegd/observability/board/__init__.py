"""The board's own metrics: its clock and its sensors, each read when the page is."""
