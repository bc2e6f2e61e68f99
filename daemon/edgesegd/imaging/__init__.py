"""Bytes to tensor, and tensor to mask; only the engine may know it."""
