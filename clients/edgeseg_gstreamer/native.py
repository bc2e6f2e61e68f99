"""Calls of libgstreamer that PyGObject cannot make, or makes with one reference too many.

PyGObject's hash of an object or of a boxed value is its address, and its `hash` is all that is used
of PyGObject here. The functions are those of GStreamer 1.20 and later.
"""

from __future__ import annotations

import ctypes
from collections.abc import Mapping
from typing import Any, Final

from gi.repository import Gst

_Pointer: Final = ctypes.c_void_p
_gst: Final = ctypes.CDLL("libgstreamer-1.0.so.0")
_gobject: Final = ctypes.CDLL("libgobject-2.0.so.0")


def _declare(library: ctypes.CDLL, name: str, returned: Any, *arguments: Any) -> Any:  # noqa: ANN401  # ctypes' own types
    function = getattr(library, name)
    function.restype, function.argtypes = returned, arguments
    return function


_is_writable = _declare(_gst, "gst_mini_object_is_writable", ctypes.c_int, _Pointer)
_ref_buffer = _declare(_gst, "gst_mini_object_ref", _Pointer, _Pointer)
_push = _declare(_gst, "gst_pad_push", ctypes.c_int, _Pointer, _Pointer)
_add_meta = _declare(_gst, "gst_buffer_add_custom_meta", _Pointer, _Pointer, ctypes.c_char_p)
_structure = _declare(_gst, "gst_custom_meta_get_structure", _Pointer, _Pointer)
_set_value = _declare(_gst, "gst_structure_set_value", None, _Pointer, ctypes.c_char_p, _Pointer)
_ref = _declare(_gobject, "g_object_ref", _Pointer, _Pointer)
_force_floating = _declare(_gobject, "g_object_force_floating", None, _Pointer)
_is_floating = _declare(_gobject, "g_object_is_floating", ctypes.c_int, _Pointer)


def make_floating(element: Gst.Element) -> None:
    """Gives a new element the floating reference that its factory expects.

    Without it GStreamer 1.22 prints "The created element should be floating".
    """
    if not _is_floating(hash(element)):
        _ref(hash(element))
        _force_floating(hash(element))


def make_writable(buffer: Gst.Buffer) -> Gst.Buffer:
    """The buffer itself, or a copy that shares its memory if others use the buffer too."""
    return buffer if _is_writable(hash(buffer)) else shallow_copy(buffer)


def shallow_copy(buffer: Gst.Buffer) -> Gst.Buffer:
    """A buffer of its own that shares the memory; `Gst.Buffer.copy` only adds a reference."""
    flags = Gst.BufferCopyFlags
    what = flags.FLAGS | flags.TIMESTAMPS | flags.META | flags.MEMORY
    return buffer.copy_region(what, 0, buffer.get_size())


def add_custom_meta(buffer: Gst.Buffer, name: str, fields: Mapping[str, Any]) -> None:
    """Attaches a registered custom meta with these fields, each a `GObject.Value`.

    Raises `RuntimeError` if GStreamer does not add it. The structure that PyGObject returns is a
    copy, so what is written to it is lost.
    """
    meta = _add_meta(hash(buffer), name.encode())
    if meta is None:
        raise RuntimeError(f"no meta {name!r} could be added to {buffer}")
    structure = _structure(meta)
    for field, value in fields.items():
        _set_value(structure, field.encode(), hash(value))


def push(pad: Gst.Pad, buffers: list[Gst.Buffer]) -> Gst.FlowReturn:
    """Pushes the last buffer of the list and takes it out of it.

    The list has the only reference, so that elements behind the pad can write to the buffer without
    copying it. With `Gst.Pad.push` the caller keeps one.
    """
    address = _ref_buffer(hash(buffers[-1]))
    del buffers[-1]
    return Gst.FlowReturn(_push(hash(pad), address))
