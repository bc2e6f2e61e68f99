"""Finding out which delegate is the fastest of those that are right."""
