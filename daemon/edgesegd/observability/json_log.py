"""Log records as lines of JSON."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime

from edgesegd.core.log_fields import FIELDS


class JsonFormatter(logging.Formatter):
    """Formats a record as one line, an object of JSON.

    It has `time` (ISO 8601, UTC), `level`, `logger`, `message`, `traceback` if there is one, and
    those of `log_fields`.
    """

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        time = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        line = {
            "time": time.replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        line |= {name: value for name in FIELDS if (value := getattr(record, name, None))}
        return json.dumps(line)
