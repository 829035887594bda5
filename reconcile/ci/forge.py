"""What a forge is asked for, whichever it is; a *change* is GitHub's pull request and GitLab's merge request."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Note:
    """A comment on a change, or an issue: its id, whose it is (an account's id), and its text."""

    id: str
    author: str
    body: str


class Forge(Protocol):
    """A repository on a forge, as the job's token sees it; each call raises ApiError where it is refused."""

    def me(self) -> str:
        """The id of the account whose token this is."""

    def head_of(self, branch: str) -> str | None:
        """The commit that a branch is at; None if there is none."""

    def head_of_change(self, number: int) -> str | None:
        """The commit that a change's branch is at."""

    def changes_of(self, commit: str) -> list[int]:
        """The changes through which a commit came to its branch, squashed ones too."""

    def comments(self, number: int) -> Iterator[Note]:
        """All comments on a change, the oldest first."""

    def add_comment(self, number: int, body: str) -> None:
        """Comment on a change."""

    def edit_comment(self, number: int, id_: str, body: str) -> None:
        """Give a comment another text."""

    def issues(self) -> Iterator[Note]:
        """All open issues, the oldest first."""

    def open_issue(self, title: str, body: str) -> None:
        """Open an issue."""

    def edit_issue(self, id_: str, body: str) -> None:
        """Give an issue another text."""

    def close_issue(self, id_: str, body: str) -> None:
        """Give an issue its last text, and close it."""

    def file(self, path: str, ref: str) -> bytes | None:
        """A file of the repository as a branch or commit has it."""

    def put_file(self, path: str, branch: str, content: bytes, message: str, base: str) -> None:
        """Write a file on a branch, which begins at the branch ``base`` if it is not there."""

    def change_from(self, branch: str, base: str) -> int | None:
        """The open change that would bring a branch into another."""

    def open_change(self, branch: str, base: str, title: str, body: str) -> None:
        """Offer a branch as a change."""

    def close(self) -> None:
        """Close the connections."""


def ours(notes: Iterator[Note], marker: str, me: str) -> list[Note]:
    """Those with a marker in their first line that we wrote: anybody can write a marker."""
    return [note for note in notes if note.author == me and note.body.split("\n", 1)[0].strip() == marker]
