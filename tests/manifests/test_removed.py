"""``removed:`` in manifests."""

from pathlib import Path

import pytest

from reconcile.model.address import Address
from tests.manifests.project import Project

NEWS, OLD = Address("squalomail", "list", "news"), Address("squalomail", "list", "old")


def test_addresses_and_whether_the_object_stays(tmp_path: Path) -> None:
    loaded = Project(tmp_path).load(
        a="removed:\n  - squalomail.list.news\n", b="removed:\n  - {address: squalomail.list.old, keep: true}\n"
    )
    assert loaded.removed == {NEWS: False, OLD: True}
    assert not loaded.resources


def test_nothing_is_removed_by_an_empty_list(tmp_path: Path) -> None:
    assert not Project(tmp_path).load("removed:\n").removed


@pytest.mark.parametrize(
    ("text", "code", "place"),
    [
        ("removed: squalomail.list.news\n", "wrong-type", "1:10"),
        ("removed: [news]\n", "unknown-address", "1:11"),
        ("removed: [squalomail.lists.news]\n", "unknown-address", "1:11"),
        ("removed: [squalo.list.news]\n", "unknown-address", "1:11"),
        ("removed: [{address: squalomail.list.news, keep: maybe}]\n", "wrong-type", "1:11"),
        ("removed: [{addres: squalomail.list.news}]\n", "wrong-type", "1:11"),
        ("removed: [{keep: true}]\n", "wrong-type", "1:11"),
        ("removed: [3]\n", "wrong-type", "1:11"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(tmp_path: Path, text: str, code: str, place: str) -> None:
    assert Project(tmp_path).told(text) == [(code, place)]


def test_an_entry_is_not_declared_and_removed(tmp_path: Path) -> None:
    text = "removed: [squalomail.list.news]\nsqualomail: {lists: {news: {name: News}}}\n"
    assert Project(tmp_path).told(text) == [("removed-and-declared", "1:11")]
