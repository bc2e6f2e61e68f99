"""The filter that is made from the rules, run for each machine as the kernel would run it."""

from __future__ import annotations

import errno
import os
import re
import struct
from collections.abc import Sequence
from pathlib import Path

import pytest

from edgesegd.sandbox.filter import (
    ALLOW,
    AND,
    ERRNO,
    IF_EQUAL,
    IF_GREATER,
    IF_NOT_LESS,
    LOAD,
    RETURN,
    Instruction,
    program,
)
from edgesegd.sandbox.rules import NEVER, NOT_THERE, rules
from edgesegd.sandbox.syscalls import MACHINES, NEWEST, NUMBERS, Machine

DATA = struct.Struct("<iIQ6Q")
"""`struct seccomp_data` on a little-endian machine."""
ALL = list(MACHINES.values())
HEADERS = {
    "x86_64": Path("/usr/include/x86_64-linux-gnu/asm/unistd_64.h"),
    "aarch64": Path("/usr/include/asm-generic/unistd.h"),
}
SAME_FROM = 424
"""From this number on, which an older header may not have, all machines have the same calls."""
MAX_INSTRUCTIONS = 4096
"""BPF_MAXINSNS of `linux/bpf_common.h`."""


def run(code: Sequence[Instruction], data: bytes) -> int:
    """What the program returns; each instruction is that of `linux/filter.h`."""
    place, value = 0, 0
    while True:
        opcode, if_true, if_false, number = code[place]
        place += 1
        if opcode == RETURN:
            return number
        if opcode == LOAD:
            (value,) = struct.unpack_from("<I", data, number)
        elif opcode == AND:
            value &= number
        else:
            true = {
                IF_EQUAL: value == number,
                IF_GREATER: value > number,
                IF_NOT_LESS: value >= number,
            }[opcode]
            place += if_true if true else if_false


class Filter:
    """Answers as the kernel would: 0 for a call that is allowed, else the error."""

    def __init__(self, machine: Machine, *, driver: bool) -> None:
        self.machine = machine
        self.code = program(machine, rules(driver=driver))

    def of_number(self, number: int, *arguments: int, audit: int | None = None) -> int:
        given = (*arguments, *[0] * (6 - len(arguments)))
        data = DATA.pack(number, self.machine.audit if audit is None else audit, 0, *given)
        answer = run(self.code, data)
        return 0 if answer == ALLOW else answer & ~ERRNO

    def __call__(self, name: str, *arguments: int) -> int:
        number = NUMBERS[name][self.machine.column]
        assert number is not None, f"there is no {name} on this machine"
        return self.of_number(number, *arguments)


@pytest.fixture(params=[False, True], ids=["cpu", "driver"])
def driver(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


@pytest.fixture(params=MACHINES)
def filtered(request: pytest.FixtureRequest, driver: bool) -> Filter:
    return Filter(MACHINES[request.param], driver=driver)


def test_each_rule_names_calls_that_have_numbers(driver: bool) -> None:
    named = [name for rule in rules(driver=driver) for name in rule.calls]
    assert len(named) == len(set(named)), "the first rule of a call would hide the others"
    assert set(named) <= set(NUMBERS)
    unused = set(NUMBERS) - {
        name for each in (True, False) for rule in rules(driver=each) for name in rule.calls
    }
    assert not unused


@pytest.mark.parametrize("name", HEADERS)
def test_the_numbers_are_those_of_the_kernels_headers(name: str) -> None:
    header = HEADERS[name]
    if not header.is_file():
        pytest.skip(f"no {header}; on Debian: apt install linux-libc-dev")
    text = header.read_text(encoding="ascii")
    found = dict(re.findall(r"#define __NR(?:3264)?_(\w+)\s+(\d+)", text))
    column = MACHINES[name].column
    known = {each: numbers[column] for each, numbers in NUMBERS.items()}
    ours = {each: number for each, number in known.items() if number is not None}
    in_both = set(ours) & set(found)
    assert {each: ours[each] for each in in_both} == {each: int(found[each]) for each in in_both}
    assert len(in_both) > 100
    newer = set(ours) - set(found)
    assert all(ours[each] >= SAME_FROM for each in newer), newer


@pytest.mark.parametrize("machine", ALL)
def test_no_two_calls_have_one_number(machine: Machine) -> None:
    numbers = [each[machine.column] for each in NUMBERS.values()]
    there = [number for number in numbers if number is not None]
    assert len(there) == len(set(there)) > 100
    assert max(there) <= NEWEST


def test_what_is_never_allowed_is_refused_whatever_its_arguments(filtered: Filter) -> None:
    for names, error in ((NEVER, errno.EPERM), (NOT_THERE, errno.ENOSYS)):
        there = [name for name in names if NUMBERS[name][filtered.machine.column] is not None]
        assert len(there) >= 5
        for name in there:
            assert filtered(name) == filtered(name, 2**64 - 1, 2**64 - 1) == error, name


def test_calls_without_a_rule_are_allowed(filtered: Filter) -> None:
    ruled = {each[filtered.machine.column] for each in NUMBERS.values()}
    others = [number for number in range(NEWEST + 1) if number not in ruled]
    assert len(others) > 200
    assert {filtered.of_number(number, 2**64 - 1) for number in others} == {0}


def test_calls_of_another_abi_and_newer_ones_are_refused(filtered: Filter) -> None:
    i386, x32 = 0x40000003, 0x40000000
    assert filtered.of_number(0, audit=i386) == errno.EPERM
    assert filtered.of_number(NEWEST) == 0
    assert filtered.of_number(NEWEST + 1) == filtered.of_number(x32) == errno.ENOSYS
    own = filtered.machine.own
    assert all(filtered.of_number(number) == 0 for number in own)
    assert filtered.of_number(0x0F0000 + (len(own) + 1 if own else 0)) == errno.ENOSYS


def test_only_threads_are_started(filtered: Filter) -> None:
    thread, fork, user_namespace = 0x3D0F00, 0x01200011, 0x10000000
    assert filtered("clone", thread) == 0
    assert filtered("clone", fork) == filtered("clone", 0) == errno.EPERM
    assert filtered("clone", thread | user_namespace) == errno.EPERM


def test_signals_reach_only_the_process_itself(filtered: Filter) -> None:
    for name in ("kill", "tgkill"):
        assert filtered(name, os.getpid(), 6) == 0
        minus_one = 2**64 - 1
        others = (os.getppid(), 0, 1, minus_one, minus_one - os.getpid() + 1)
        assert {filtered(name, other, 6) for other in others} == {errno.EPERM}
    f_setown, f_getfl, fiosetown, fionread = 8, 3, 0x8901, 0x541B
    assert filtered("fcntl", 3, f_setown, os.getppid()) == errno.EPERM
    assert filtered("fcntl", 3, f_getfl) == 0
    assert filtered("ioctl", 3, fiosetown) == errno.EPERM
    assert filtered("ioctl", 3, fionread) == 0


def test_limits_cores_and_priorities_are_those_of_the_process_itself(filtered: Filter) -> None:
    for name in ("prlimit64", "sched_setaffinity"):
        assert filtered(name, 0, 7) == filtered(name, os.getpid(), 7) == 0
        assert filtered(name, os.getppid(), 7) == filtered(name, 1, 7) == errno.EPERM
    assert filtered("setpriority", 0, 0, 10) == 0
    assert filtered("setpriority", 0, os.getppid(), 10) == errno.EPERM
    assert filtered("setpriority", 1, 0, 10) == errno.EPERM
    assert filtered("prctl", 15) == 0
    assert filtered("prctl", 1) == errno.EPERM, "it would outlive the front"


def test_nothing_is_sent_to_an_address(filtered: Filter) -> None:
    assert filtered("sendto", 3, 4096, 10) == 0
    addresses = (0x7FFF00001000, 1, 1 << 32)
    answers = {filtered("sendto", 3, 4096, 10, 0, address, 16) for address in addresses}
    assert answers == {errno.EPERM}


@pytest.mark.parametrize("machine", ALL)
def test_only_an_engine_with_a_driver_opens_files_for_writing(machine: Machine) -> None:
    cpu, driver = (Filter(machine, driver=each) for each in (False, True))
    flags = (os.O_WRONLY, os.O_RDWR, os.O_CREAT, os.O_TRUNC, os.O_RDWR | os.O_CLOEXEC)
    for flag in flags:
        assert cpu("openat", 3, 4096, flag) == errno.EACCES
        assert driver("openat", 3, 4096, flag) == 0
    assert cpu("openat", 3, 4096, os.O_RDONLY | os.O_CLOEXEC | os.O_DIRECTORY) == 0
    if NUMBERS["open"][machine.column] is not None:
        assert cpu("open", 4096, os.O_WRONLY) == errno.EACCES
        assert cpu("open", 4096, os.O_CLOEXEC) == 0


@pytest.mark.parametrize("machine", ALL)
def test_only_an_engine_with_a_driver_hears_of_devices(machine: Machine) -> None:
    cpu, driver = (Filter(machine, driver=each) for each in (False, True))
    inet, netlink, raw, route, uevents = 2, 16, 3, 0, 15
    assert driver("socket", netlink, raw, uevents) == driver("bind", 3) == 0
    assert driver("socket", netlink, raw, route) == errno.EPERM
    assert driver("socket", inet, raw, uevents) == errno.EPERM
    assert cpu("socket", netlink, raw, uevents) == cpu("bind", 3) == errno.EPERM
    assert cpu("socketpair", 1) == errno.EPERM


def test_a_filter_is_short_enough_for_the_kernel(filtered: Filter) -> None:
    assert 300 < len(filtered.code) < MAX_INSTRUCTIONS
