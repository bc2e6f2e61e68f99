"""A frame in, a result out, whatever the protocol."""
