"""``--images embed`` shows the pictures of the project, however their path is written, and no other file."""

import base64
from pathlib import Path

import pytest

from reconcile.cli.page import picture_of

PNG = b"\x89PNG\r\n\x1a\n" + b"x" * 20
SHOWN = f"data:image/png;base64,{base64.b64encode(PNG).decode()}"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name in (
        "images/a.png",
        "emails/near.png",
        "emails/deep/own.png",
        ".assets/hidden.png",
        "images/my häuschen 100%.png",
        "images/what?.png",
        ".git/a.png",
        ".reconcile/default/a.png",
    ):
        path = tmp_path / "project" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(PNG)
    (tmp_path / "outside.png").write_bytes(PNG)
    (tmp_path / "project" / "images" / "link.png").symlink_to(tmp_path / "outside.png")
    (tmp_path / "project" / "images" / "sound.png").write_bytes(b"RIFF\x00\x00\x00\x00WAVEfmt ")
    (tmp_path / "project" / "images" / "text.png").write_text("secret")
    return tmp_path / "project"


@pytest.mark.parametrize(
    "source",
    [
        "images/a.png",
        "/images/a.png",
        "./images/a.png",
        "../images/a.png",
        "images/a.png?v=2",
        "images/a.png#top",
        "near.png",
        "own.png",
        ".assets/hidden.png",
        "../.assets/hidden.png",
        "images/my%20h%C3%A4uschen%20100%25.png",
        "images/my häuschen 100%.png",
        "images/what%3F.png",
    ],
)
def test_a_picture_of_the_project_is_shown(root: Path, source: str) -> None:
    folders = [Path("emails"), Path("emails/deep")]
    assert picture_of(root, "embed", folders)(source) == SHOWN
    assert picture_of(root, "box", folders)(source) is None


@pytest.mark.parametrize(
    "source",
    [
        "../outside.png",
        "..%2Foutside.png",
        "%2e%2e/outside.png",
        "emails/../../outside.png",
        "images/link.png",
        ".git/a.png",
        "%2Egit/a.png",
        ".reconcile/default/a.png",
        "images/sound.png",
        "images/text.png",
        "images",
        "images/none.png",
        "https://a.example/images/a.png",
        "images/a.png%00",
        "",
    ],
)
def test_no_other_file_is(root: Path, source: str) -> None:
    assert picture_of(root, "embed", [Path("emails")])(source) is None
