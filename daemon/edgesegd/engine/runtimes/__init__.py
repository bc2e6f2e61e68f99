"""What runs a model: the interpreters, and their delegates."""
