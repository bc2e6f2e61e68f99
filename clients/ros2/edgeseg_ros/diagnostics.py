"""Reports as `diagnostic_msgs/DiagnosticArray`."""

from __future__ import annotations

from edgeseg_ros.messages import Message, MessageTypes
from edgeseg_ros.state import Report


def diagnostic_array(
    types: MessageTypes, report: Report, *, node: str, hardware: str, stamp_ns: int
) -> Message:
    """The report with the node's full name and the daemon's address; `stamp_ns` is ROS time."""
    seconds, nanoseconds = divmod(stamp_ns, 1_000_000_000)
    status = types.diagnostic_status(
        level=getattr(types.diagnostic_status, report.level.value),
        name=f"{node.lstrip('/')}: segmentation",
        message=report.message,
        hardware_id=hardware,
        values=[types.key_value(key=key, value=value) for key, value in report.values.items()],
    )
    stamp = types.time(sec=seconds, nanosec=nanoseconds)
    return types.diagnostic_array(header=types.header(stamp=stamp, frame_id=""), status=[status])
