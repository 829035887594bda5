"""Two branches give one entry a name each: the object follows, and is never made a second time."""

from pathlib import Path

import pytest

from tests.cli.team import Clone, Team

ONE = "squalomail:\n  lists:\n    one: {name: One}\n    two: {name: Two}\n"


def renamed(to: str) -> str:
    return ONE.replace("one: {name: One}", f"{to}: {{name: One, was: [one]}}")


@pytest.fixture
def ours(tmp_path: Path) -> Clone:
    return Team(tmp_path).begin(ONE)


def test_a_former_name_stands_for_the_object_that_had_it(ours: Clone) -> None:
    id_ = ours.bound()["squalomail.list.one"]
    base = ours.git("rev-parse", "HEAD")
    for name in ("uno", "eins", "uno"):
        ours.git("checkout", "-q", "-B", name, base)
        # Also where more than the name has changed on the other branch.
        ours.write("manifests/all.yaml", renamed(name).replace("name: One", f"name: One, description: {name}"))
        ours.commit(name)
        done = ours.apply()
        assert done.code == 0, done.err
        assert ours.bound()[f"squalomail.list.{name}"] == id_
        assert len(ours.bound()) == 2


def test_two_claims_are_an_error_that_names_both_commits(ours: Clone) -> None:
    base = ours.git("rev-parse", "HEAD")
    ours.write("manifests/all.yaml", renamed("uno"))
    first = ours.commit("uno")
    assert ours.apply().code == 0
    # Both names are merged: the loader sees two claims to one name.
    ours.git("checkout", "-q", "-b", "other", base)
    ours.write("manifests/eins.yaml", "squalomail:\n  lists:\n    eins: {name: One, was: [one]}\n")
    second = ours.commit("eins")
    ours.git("merge", "-q", "--no-edit", "main")
    refused = ours.run("plan")
    assert refused.code == 1
    assert first[:10] in refused.err
    assert second[:10] in refused.err
    # The first claim is history to the manifests, and known to the state alone.
    ours.write("manifests/all.yaml", ONE.replace("one: {name: One}", "uno: {name: One}"))
    third = ours.commit("was is of no use any more")
    refused = ours.run("plan")
    assert refused.code == 1
    assert "claimed-twice" in refused.err
    assert first[:10] in refused.err
    assert third[:10] in refused.err
    assert len(ours.bound()) == 2


def test_another_object_under_a_former_name_is_another_object(ours: Clone) -> None:
    ours.write("manifests/all.yaml", renamed("uno") + "    one: {name: Another}\n")
    ours.write("manifests/all.yaml", renamed("uno"))
    assert ours.apply().code == 0
    ours.write("manifests/all.yaml", renamed("uno").replace(", was: [one]", "") + "    one: {name: Another}\n")
    assert ours.apply().code == 0
    bound = ours.bound()
    assert bound["squalomail.list.one"] != bound["squalomail.list.uno"]
    # And what is renamed then is that one.
    ours.write(
        "manifests/all.yaml",
        renamed("uno").replace(", was: [one]", "") + "    altro: {name: Another, was: [one]}\n",
    )
    assert ours.apply().code == 0
    assert ours.bound()["squalomail.list.altro"] == bound["squalomail.list.one"]


def test_state_mv_is_remembered_too(ours: Clone) -> None:
    id_ = ours.bound()["squalomail.list.one"]
    assert ours.run("state", "mv", "squalomail.list.one", "squalomail.list.uno").code == 0
    ours.write("manifests/all.yaml", renamed("eins"))
    assert ours.apply().code == 0
    assert ours.bound()["squalomail.list.eins"] == id_


def test_in_the_sandbox_ids_come_in_the_order_of_the_plan(ours: Clone) -> None:
    lists = "".join(f"    n{number:02}: {{name: News {number}}}\n" for number in range(40))
    ours.write("manifests/all.yaml", ONE + lists)
    ours.commit("many")
    assert ours.apply().code == 0
    ids = [int(id_) for address, id_ in sorted(ours.bound().items()) if ".n" in address]
    assert len(ids) == 40
    assert ids == sorted(ids)
