"""The front's side of the engines: starting them, feeding them, replacing them."""
