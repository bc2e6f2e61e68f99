"""Decides which waiting frame is segmented next, and which frames are not segmented at all."""
