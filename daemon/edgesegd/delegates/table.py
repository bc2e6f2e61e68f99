"""The known delegates: their libraries, options and devices.

Sources: the libraries' own documentation and sources; this project has run none of them on its
hardware. All but the built-in ones have TFLite's external delegate interface.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class KnownDelegate:
    """A delegate that a vendor or a runtime ships.

    `libraries` are its names on this platform, tried in turn. At least one device must exist: a
    device node that matches a pattern of `devices`, or a USB device in `usb_ids` (vendor:product).
    If both are empty, no device is needed. `device_option` is the option that chooses one of
    several devices. `custom_op` is the only operator that it runs; "" if it runs any that it
    supports. `built_in` is whether the delegate is part of the runtime.
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
    # No options, because libraries of 2024 and later parse all of them wrongly.
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
"""The known delegates by name, in the order in which they are tried."""
