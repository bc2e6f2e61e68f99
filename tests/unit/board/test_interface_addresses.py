"""The addresses of a machine with several networks and no router: a network namespace."""

from __future__ import annotations

import shutil
import subprocess
import sys

import pytest

from edgesegd.board.interface_addresses import interface_addresses
from edgesegd.board.system import IS_LINUX
from support.landlock import NEEDS_NAMESPACES

GIVEN = ("10.231.7.2/24", "192.168.231.4/24", "2001:db8:7::4/64")
OF_ONE_LINK = "169.254.231.7/16"


@pytest.mark.skipif(not IS_LINUX, reason="only Linux lists them")
@pytest.mark.skipif(shutil.which("ip") is None, reason="needs ip; on Debian: apt install iproute2")
@NEEDS_NAMESPACES
def test_all_addresses_are_found_also_where_no_router_is() -> None:
    added = [f"ip address add {each} dev lo" for each in (*GIVEN, f"{OF_ONE_LINK} scope link")]
    script = "\n".join(["set -e", "ip link set lo up", *added, 'exec "$@"'])
    code = "from edgesegd.board.interface_addresses import *; print(*interface_addresses())"
    done = subprocess.run(
        [
            *("unshare", "--user", "--map-root-user", "--net", "sh", "-c", script, "sh"),
            *(sys.executable, "-c", code),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert sorted(done.stdout.split()) == sorted(each.partition("/")[0] for each in GIVEN)


def test_no_address_of_this_machine_is_loopback_or_found_twice() -> None:
    found = interface_addresses()
    assert len(found) == len(set(found))
    assert not {"127.0.0.1", "::1"} & set(found)
