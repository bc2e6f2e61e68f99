"""The control socket: orders of an operator's commands to a running daemon."""
