"""When files are read again."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgesegd.files.watch import RETRY_SECONDS, FileWatch


def test_files_are_due_when_one_of_them_has_changed(tmp_path: Path) -> None:
    paths = [tmp_path / "one", tmp_path / "two"]
    watch = FileWatch(paths)
    assert not watch.is_due()
    for path in paths:
        path.write_text("a")
        assert watch.is_due()
        watch.read()
        assert not watch.is_due()
    paths[0].chmod(0o600)
    assert watch.is_due()
    assert watch.are_there
    watch.read()
    paths[1].unlink()
    assert watch.is_due()
    assert not watch.are_there


def test_what_could_not_be_read_is_due_again_after_a_while_or_when_it_changes(
    tmp_path: Path,
) -> None:
    path, now = tmp_path / "one", [0.0]
    watch = FileWatch([path], clock=lambda: now[-1])
    path.write_text("a")
    assert watch.is_due()
    assert watch.failed()
    assert not watch.is_due()
    now.append(RETRY_SECONDS)
    assert watch.is_due()
    assert not watch.failed(), "it is reported already"
    assert not watch.is_due()
    path.write_text("bc")
    assert watch.is_due()
    assert watch.failed()


def test_a_link_that_leads_nowhere_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "link"
    path.symlink_to(tmp_path / "nothing")
    with pytest.raises(OSError, match="No such file"):
        FileWatch([path]).is_due()
