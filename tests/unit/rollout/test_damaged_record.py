"""A damaged record of what is installed is refused by its name, or is a record that can be used."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from edgesegd.core.errors import ConfigError
from edgesegd.rollout.record import RECORD, InstalledModel, Record, read_record, write_record
from support.installed_record import INSTALLED
from support.mutations import mutations

COUNT = 1000


def numbers(record: Record) -> list[int]:
    """All serials and versions in it."""
    models = [number for each in record.models.values() for number in (each.version, each.before)]
    placed = [version for versions in record.placed.values() for version in versions]
    return [record.serial, *models, *placed]


def test_a_damaged_record_is_refused_by_its_name_or_has_sound_numbers(tmp_path: Path) -> None:
    write_record(tmp_path, INSTALLED)
    path = tmp_path / RECORD
    sound, reasons = path.read_bytes(), []
    for damaged in mutations(sound, COUNT, seed=1):
        path.write_bytes(damaged)
        try:
            record = read_record(tmp_path)
        except ConfigError as error:
            reasons.append(str(error))
        else:
            found = numbers(record)
            assert all(type(each) is int and each >= 0 for each in found), damaged
            write_record(tmp_path, record)
            assert read_record(tmp_path) == record
    assert COUNT / 2 < len(reasons) < COUNT
    assert all(str(path) in reason for reason in reasons)
    path.write_bytes(sound)
    assert read_record(tmp_path) == INSTALLED


@pytest.mark.parametrize(
    ("sound", "damaged"),
    [
        ('"serial": 7', '"serial": -7'),
        ('"serial": 7', '"serial": 7000000000'),
        ('"version": 3', '"version": Infinity'),
        ('"version": 3', '"version": true'),
        ('"before": 2', '"before": "2"'),
        ('"changed": [\n    "road"\n  ]', '"changed": "road"'),
        ('"road": {', '"../road": {'),
    ],
)
def test_a_value_that_no_release_has_is_damage(tmp_path: Path, sound: str, damaged: str) -> None:
    write_record(tmp_path, INSTALLED)
    path = tmp_path / RECORD
    text = path.read_text()
    assert sound in text
    path.write_text(text.replace(sound, damaged))
    with pytest.raises(ConfigError, match="is damaged, so it is unknown which release"):
        read_record(tmp_path)


def test_an_operators_version_that_serves_again_may_be_larger_than_any_of_a_release(
    tmp_path: Path,
) -> None:
    models = {"road": InstalledModel(20_261_127_120_000), "sky": InstalledModel(0)}
    taken_back = replace(INSTALLED, content="", changed=(), models=models, why="taken back")
    write_record(tmp_path, taken_back)
    assert read_record(tmp_path) == taken_back
