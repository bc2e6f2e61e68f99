"""How much of the sandbox there must be, as `--sandbox` names it."""

from __future__ import annotations

AUTO, REQUIRE, OFF = MODES = ("auto", "require", "off")
"""As much as the kernel has; all of it, or no engine starts; nothing."""
