"""What is to go is said where it is reviewed; manifests that vanish delete nothing."""

from tests.cli.conftest import Project

LISTS = "squalomail: {lists: {news: {name: News}}}\n"
MAIL = 'squalomail: {templates: {t: {subject: T, body: "<p>x</p>"}}}\n'


def applied(project: Project) -> Project:
    project.write("manifests/all.yaml", LISTS)
    project.write("manifests/mail.yaml", MAIL)
    assert project.run("apply", "--auto-approve").code == 0
    return project


def test_moved_manifests_delete_nothing(project: Project) -> None:
    applied(project)
    (project.root / "manifests").rename(project.root / "elsewhere")
    refused = project.run("apply", "--auto-approve")
    assert refused.code == 3
    assert "--allow-delete 2" in refused.err
    assert "reconcile destroy" in refused.err
    assert project.run("destroy", "--auto-approve").code == 0


def test_all_of_a_kind_goes_only_where_it_is_said(project: Project) -> None:
    applied(project)
    project.write("manifests/all.yaml", "{}\n")
    refused = project.run("apply", "--auto-approve")
    assert refused.code == 3
    assert "removed:" in refused.err
    project.write("manifests/all.yaml", "removed: [squalomail.list.news]\n")
    assert project.run("apply", "--auto-approve").code == 0
    assert "news" not in project.run("state", "list").out
    assert project.run("plan", "--detailed-exitcode").code == 0


def test_what_is_kept_is_only_forgotten(project: Project) -> None:
    applied(project)
    project.write("manifests/all.yaml", "removed: [{address: squalomail.list.news, keep: true}]\n")
    assert project.run("apply", "--auto-approve").code == 0
    assert "news" not in project.run("state", "list").out
    assert '"News"' in project.run("api", "squalomail", "get-lists-details").out


def test_a_saved_plan_knows_what_is_meant(project: Project) -> None:
    applied(project)
    project.write("manifests/all.yaml", "removed: [squalomail.list.news]\n")
    file = str(project.root / "a.plan")
    assert project.run("plan", "-o", file).code == 0
    assert project.run("apply", file).code == 0


def _with_lists(project: Project, *names: str) -> None:
    project.write(
        "manifests/all.yaml", "".join(["squalomail: {lists: {", *(f"{n}: {{name: {n}}}, " for n in names), "}}"])
    )


def test_deletes_one_by_one_count_together(project: Project) -> None:
    """--target must not lead past a bound: what was deleted within a day counts, too."""
    file = project.root / "reconcile.yaml"
    file.write_text(f"{file.read_text()}policy: {{maxDeleteCount: 2}}\n")
    _with_lists(project, "a", "b", "c", "d", "e")
    assert project.run("apply", "--auto-approve").code == 0
    _with_lists(project, "e")
    gone = {name: ("apply", "--auto-approve", "--target", f"squalomail.list.{name}") for name in "abcd"}
    assert project.run(*gone["a"]).code == 0
    assert project.run(*gone["b"]).code == 0
    refused = project.run(*gone["c"])
    assert refused.code == 3
    assert "deletes 1 object, after 2 that runs of the last 24 hours have deleted" in refused.err
    assert "--allow-delete 1" in refused.err
    assert project.run(*gone["c"], "--allow-delete", "1").code == 0
    assert '"squalomail.list": 1' in project.run("history", "--format", "json").out
    # The whole is judged as a whole.
    assert project.run("apply", "--auto-approve").code == 0
