"""Reading a segmentation model's file and everything that is known about it."""
