"""Where pictures go: the user's own folder of pictures if there is one, never the working folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.errors import StorageError
from engine.storage import paths


@pytest.fixture
def user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The home folder of a user without DIGITTY_HOME, on any platform."""
    monkeypatch.delenv("DIGITTY_HOME")
    monkeypatch.setenv("HOME", str(tmp_path / "user"))
    for name in ("XDG_PICTURES_DIR", "XDG_CONFIG_HOME", "XDG_DATA_HOME"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "user").mkdir()
    return tmp_path / "user"


def test_a_server_has_no_folder_of_pictures(user: Path) -> None:
    assert paths.pictures_dir() == paths.data_dir() / "pictures"
    assert not list(user.iterdir()), "nothing is created"


def test_a_desktop_has_one(user: Path) -> None:
    (user / "Pictures").mkdir()
    assert paths.pictures_dir() == user / "Pictures" / "digitty"


def test_a_desktop_may_call_it_otherwise_or_switch_it_off(user: Path) -> None:
    (user / ".config").mkdir()
    names = user / ".config" / "user-dirs.dirs"
    (user / "Bilder").mkdir()
    names.write_text('XDG_PICTURES_DIR="$HOME/Bilder"\n')
    expected = user / "Bilder" / "digitty"
    if paths.platformdirs.user_pictures_dir() == str(user / "Bilder"):  # not on macOS
        assert paths.pictures_dir() == expected
        names.write_text('XDG_PICTURES_DIR="$HOME/"\n')  # as the specification says for none
    assert paths.pictures_dir() == paths.data_dir() / "pictures"


def test_digitty_home_holds_everything(home: Path) -> None:
    assert paths.pictures_dir() == home / "data" / "pictures"


def test_a_chosen_folder_comes_first(user: Path) -> None:
    assert paths.pictures_dir("~/digits") == user / "digits"
    assert paths.pictures_dir("/srv/digits") == Path("/srv/digits")
    with pytest.raises(StorageError, match="give its full path"):
        paths.pictures_dir("~nosuchuser/digits")


def test_a_folder_that_cannot_be_created_is_an_error_with_a_way_out(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="choose another"):
        paths.ensure_folder(tmp_path / "file" / "pictures", "choose another")
