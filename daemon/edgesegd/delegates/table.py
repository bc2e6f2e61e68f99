"""The delegates that are known: their libraries, options and devices.

Sources: the libraries' own documentation and sources; none was run on its hardware by this
project. All but those that are built in speak TFLite's external delegate interface.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class KnownDelegate:
    """A library that other people ship.

    `libraries` are its names on this platform, tried in turn. `devices` are the nodes of which
    there must be one, as patterns, and `usb_ids` are USB devices that do as well, as
    vendor:product; none of both where any board may do. `device_option` is the option that chooses
    among several devices. `custom_op` is the one operator that it runs, "" where it takes any that
    it can. `built_in` is whether the runtime itself brings it.
    """

    title: str
    libraries: tuple[str, ...]
    options: dict[str, str] = field(default_factory=dict)
    devices: tuple[str, ...] = ()
    usb_ids: tuple[str, ...] = ()
    device_option: str = ""
    custom_op: str = ""
    built_in: bool = False


EDGETPU_LIBRARIES = {
    "darwin": ("libedgetpu.1.dylib",),
    "win32": ("edgetpu.dll",),
}

KNOWN: dict[str, KnownDelegate] = {
    "edgetpu": KnownDelegate(
        title="Coral Edge TPU, USB or PCIe",
        libraries=EDGETPU_LIBRARIES.get(sys.platform, ("libedgetpu.so.1",)),
        devices=("/dev/apex_*",),
        usb_ids=("1a6e:089a", "18d1:9302"),  # before its first use, and after
        device_option="device",
        custom_op="edgetpu-custom-op",
    ),
    "gpu": KnownDelegate(
        title="ai-edge-litert's GPU path (WebGPU on Vulkan)",
        libraries=("libvulkan.so.1",),
        built_in=True,
    ),
    # No options: libraries of 2024 and later parse every one of them wrongly.
    "tflite-gpu": KnownDelegate(
        title="TFLite's GPU delegate (OpenCL, OpenGL ES)",
        libraries=("libtensorflowlite_gpu_delegate.so",),
    ),
    "qnn": KnownDelegate(
        title="Qualcomm AI Engine Direct",
        libraries=("libQnnTFLiteDelegate.so",),
        options={"backend_type": "htp"},
    ),
    "armnn": KnownDelegate(
        title="Arm NN on a Mali GPU or the CPU",
        libraries=("libarmnnDelegate.so",),
        options={"backends": "GpuAcc,CpuAcc", "logging-severity": "error"},
    ),
    "vx": KnownDelegate(
        title="VeriSilicon NPU (i.MX 8M Plus, Amlogic)",
        libraries=("libvx_delegate.so", "/usr/lib/libvx_delegate.so"),
        devices=("/dev/galcore",),
    ),
    "ethosu": KnownDelegate(
        title="Arm Ethos-U NPU (i.MX 93)",
        libraries=("libethosu_delegate.so", "/usr/lib/libethosu_delegate.so"),
        devices=("/dev/ethosu*",),
    ),
    "neutron": KnownDelegate(
        title="NXP Neutron NPU (i.MX 95)",
        libraries=("libneutron_delegate.so", "/usr/lib/libneutron_delegate.so"),
        devices=("/dev/neutron*",),
    ),
    "teflon": KnownDelegate(
        title="Mesa Teflon (Vivante and Rockchip NPUs)",
        libraries=("libteflon.so", "/usr/lib/teflon/libteflon.so"),
        devices=("/dev/dri/renderD*", "/dev/accel/accel*"),
    ),
}
"""By name, in the order in which they are tried."""
