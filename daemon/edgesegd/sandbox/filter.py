"""Translates rules to a seccomp filter: a program in the kernel's classic BPF."""

from __future__ import annotations

import errno
import struct
from collections.abc import Iterable, Iterator

from edgesegd.sandbox.rules import WHOLE, Rule, Test
from edgesegd.sandbox.syscalls import NEWEST, NUMBERS, Machine

LOAD, AND, IF_EQUAL, IF_GREATER, IF_NOT_LESS, RETURN = 0x20, 0x54, 0x15, 0x25, 0x35, 0x06
"""Opcodes of `linux/bpf_common.h`: LD|W|ABS, ALU|AND|K, JMP|JEQ|K, JMP|JGT|K, JMP|JGE|K, RET|K."""
NUMBER, ARCHITECTURE, ARGUMENTS, ARGUMENT_BYTES, UPPER = 0, 4, 16, 8, 4
"""Offsets in `struct seccomp_data` of `linux/seccomp.h`, on a little-endian machine."""
ALLOW, ERRNO = 0x7FFF0000, 0x00050000
"""SECCOMP_RET_ALLOW and SECCOMP_RET_ERRNO of `linux/seccomp.h`."""
INSTRUCTION = struct.Struct("=HBBI")
"""`struct sock_filter`: an opcode, how many instructions to skip if it is true, how many if it is
false, and a number."""

Instruction = tuple[int, int, int, int]


def program(machine: Machine, rules: Iterable[Rule]) -> list[Instruction]:
    """The filter for a machine; a call of another ABI answers EPERM."""
    return [
        (LOAD, 0, 0, ARCHITECTURE),
        (IF_EQUAL, 1, 0, machine.audit),
        _refuse(errno.EPERM),
        (LOAD, 0, 0, NUMBER),
        *_own_calls(machine),
        (IF_GREATER, 0, 1, NEWEST),
        _refuse(errno.ENOSYS),
        *(each for rule in rules for each in _of_rule(machine, rule)),
        (RETURN, 0, 0, ALLOW),
    ]


def _own_calls(machine: Machine) -> Iterator[Instruction]:
    """Allow the calls that only this machine has."""
    if machine.own:
        yield IF_NOT_LESS, 0, 2, machine.own.start
        yield IF_NOT_LESS, 1, 0, machine.own.stop
        yield RETURN, 0, 0, ALLOW


def _of_rule(machine: Machine, rule: Rule) -> Iterator[Instruction]:
    """A block for each call of the rule; it is skipped for all other calls."""
    block = [*_tests(rule.unless), _refuse(rule.error)]
    for name in rule.calls:
        number = NUMBERS[name][machine.column]
        if number is not None:
            yield IF_EQUAL, 0, len(block), number
            yield from block


def _tests(tests: tuple[Test, ...]) -> list[Instruction]:
    """Allow the call if all tests pass, else go on behind these instructions."""
    if not tests:
        return []
    done: list[Instruction] = [(RETURN, 0, 0, ALLOW)]
    for test in reversed(tests):
        offset = ARGUMENTS + ARGUMENT_BYTES * test.index + (UPPER if test.upper else 0)
        load: list[Instruction] = [(LOAD, 0, 0, offset)]
        if test.mask != WHOLE:
            load.append((AND, 0, 0, test.mask))
        count, over = len(test.values), len(done)
        compare: list[Instruction] = []
        for place, value in enumerate(test.values):
            left = count - place - 1  # comparisons behind this one
            equal, other = (left + over, 0) if test.negated else (left, 0 if left else over)
            compare.append((IF_EQUAL, equal, other, value))
        done = [*load, *compare, *done]
    return done


def _refuse(error: int) -> Instruction:
    return RETURN, 0, 0, ERRNO | error
