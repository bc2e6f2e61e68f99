"""A daemon in a sandbox that gives it no memory without a name."""

from __future__ import annotations

import errno
import os
import shutil
import sys
from pathlib import Path

import pytest

from edgeseg.v1 import segmentation_pb2 as pb
from support import refused_memfd
from support.calls import every, frames, segment, stub
from support.running_daemon import RunningDaemon

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="memfd_create is Linux's")


@pytest.mark.parametrize("number", [errno.ENOSYS, errno.EPERM], ids=errno.errorcode.get)
async def test_without_memfd_the_daemon_serves_from_unlinked_files_and_leases_no_memory(
    tmp_path: Path, jpeg: bytes, number: int
) -> None:
    shutil.copy(refused_memfd.__file__, tmp_path / "sitecustomize.py")
    path = os.pathsep.join(filter(None, (str(tmp_path), os.environ.get("PYTHONPATH"))))
    sandbox = {"PYTHONPATH": path, refused_memfd.ERRNO: str(number), "TMPDIR": str(tmp_path)}
    with RunningDaemon(f"--listen=unix://{tmp_path}/grpc.sock", env=sandbox) as running:
        answers = await segment(running.address, [every(), *frames([jpeg] * 3)])
        assert len(answers) == 3
        assert {answer.status for answer in answers.values()} == {pb.FRAME_STATUS_OK}
        async with stub(running.address) as service:
            info = await service.GetServerInfo(pb.GetServerInfoRequest())
        assert info.shared_memory_socket == ""
    assert any("shared memory is not available to clients" in line for line in running.output)
    assert not list(tmp_path.glob("tmp*")), "what has no name leaves nothing behind"
