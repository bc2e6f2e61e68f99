"""The units with the systemd of Debian 13, which knows RestartSteps=; Debian 12's does not."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.booted_container import run_in_container
from support.debian_root import debian_root

PROJECT = Path(__file__).parents[2]
UNIT = PROJECT / "systemd" / "edgesegd.service"
DROP_INS = sorted((PROJECT / "systemd" / "drop-ins").glob("*.conf"))
RESTARTS = 4
FAILS = "[Service]\nExecStart=\nExecStart=/bin/false\n"
STEPS = f"""set -e
shipped=/opt/project/systemd unit=edgesegd.service
systemd-sysusers $shipped/edgeseg.sysusers.conf >/results/sysusers 2>&1
cd /etc/systemd/system
mkdir /opt/edgeseg /opt/edgeseg/bin $unit.d
ln -s /bin/false /opt/edgeseg/bin/edgesegd
cp $shipped/$unit .
for drop_in in $shipped/drop-ins/*.conf; do
  cp $drop_in $unit.d/
  said=$(systemd-analyze verify --man=no $unit 2>&1) || said="$said FAILED"
  echo "$(basename $drop_in): $said" >>/results/verified
  rm $unit.d/*
done
systemd-analyze security --offline=true --threshold=15 --no-pager $unit >/results/security ||
  echo FAILED >>/results/security
udevadm verify --no-summary --resolve-names=early $shipped/60-edgeseg-coral.rules \
  >/results/rules 2>&1 || echo FAILED >>/results/rules
cp $shipped/drop-ins/back-off.conf /root/failing.conf $unit.d/
systemctl daemon-reload
systemctl start --no-block $unit
restarts=0
while [ $restarts -lt {RESTARTS} ]; do
  sleep 0.2
  restarts=$(systemctl show --property=NRestarts --value $unit)
  systemctl show --property=RestartUSecNext --value $unit >>/results/pauses
done
"""

pytestmark = [pytest.mark.system, pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with what the steps have seen."""
    folder = tmp_path_factory.mktemp("container")
    with debian_root("trixie", ["systemd-sysv", "udev"]) as debian:
        output = run_in_container(
            folder,
            {"/root/steps": STEPS, "/root/failing.conf": FAILS},
            {PROJECT: "/opt/project"},
            "/bin/sh /root/steps",
            base=debian,
        )
    assert not output, output
    return folder / "results"


def test_the_unit_and_each_drop_in_are_valid(results: Path) -> None:
    """An unknown key only causes a warning, so there must be no output at all."""
    verified = (results / "verified").read_text().splitlines()
    assert verified == [f"{path.name}: " for path in DROP_INS]


def test_the_unit_lets_the_daemon_do_little_else(results: Path) -> None:
    assert "FAILED" not in (results / "security").read_text()


def test_the_rules_for_a_coral_are_valid_and_their_groups_are_there(results: Path) -> None:
    assert (results / "rules").read_text() == ""


def test_the_pauses_between_restarts_grow(results: Path) -> None:
    seen = (results / "pauses").read_text().split()
    pauses = [float(each.removesuffix("s")) for each in dict.fromkeys(seen)]
    assert pauses[0] == 2.0
    assert pauses == sorted(pauses)
    assert len(pauses) >= RESTARTS
