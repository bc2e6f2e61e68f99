"""What an element that holds buffers back answers to queries."""

from __future__ import annotations

from gi.repository import Gst


def answer_caps(pad: Gst.Pad, other: Gst.Pad, query: Gst.Query) -> bool:
    """Answers which caps `pad` takes: those of its template that the peer of `other` takes."""
    wanted = query.parse_caps()
    template = pad.get_pad_template_caps()
    caps = other.peer_query_caps(template).intersect_full(template, Gst.CapsIntersectMode.FIRST)
    if wanted is not None:
        caps = wanted.intersect_full(caps, Gst.CapsIntersectMode.FIRST)
    query.set_caps_result(caps)
    return True


def answer_latency(sink: Gst.Pad, query: Gst.Query, added_ns: int) -> bool:
    """Answers with the latency of what is before `sink`, and `added_ns`."""
    if not sink.peer_query(query):
        return False
    live, shortest, longest = query.parse_latency()
    if longest != Gst.CLOCK_TIME_NONE:
        longest += added_ns
    query.set_latency(live, shortest + added_ns, longest)
    return True


def is_live(sink: Gst.Pad) -> bool:
    """Whether what is before `sink` is live, such as a camera."""
    query = Gst.Query.new_latency()
    return bool(sink.peer_query(query) and query.parse_latency()[0])
