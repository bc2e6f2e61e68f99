"""What may run a model besides the CPU, and where it is to be found."""
