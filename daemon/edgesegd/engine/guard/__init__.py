"""Keeps an engine from returning wrong results, from hanging, and from outliving the front."""
