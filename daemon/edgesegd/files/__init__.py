"""Files that may be anything, and files that appear all at once."""
