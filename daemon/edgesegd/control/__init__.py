"""What an operator's commands ask of a running daemon."""
