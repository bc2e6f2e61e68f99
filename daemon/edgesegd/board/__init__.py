"""What the machine gives: cores, memory, descriptors, and who else uses it."""
