"""How runtimes and other libraries write on stderr."""

from __future__ import annotations

import re

CHATTER = re.compile(
    r"^((INFO|VERBOSE|WARNING|ERROR):|[IWEF]\d{4} )|Warning: |XNNPACK delegate|absl::", re.MULTILINE
)
"""Lines of TFLite, absl and Python's `warnings`."""
