"""What front, engine and trial say to each other, and the processes that they are."""
