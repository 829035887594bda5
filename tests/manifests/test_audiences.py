"""What validate says about audiences, offline."""

from tests.manifests.project import Project

HEAD = """\
squalomail:
  lists:
    news: {name: News}
  audiences:
"""
PEOPLE = "people: {source: people.csv, columns: {email: E-mail}, lists: [news]"


def entry(text: str) -> str:
    return f"{HEAD}    {text}}}\n"


def test_a_whole_one(project: Project) -> None:
    project.write("people.csv", "E-mail\n")
    loaded = project.load(entry(f"{PEOPLE}, tags: [crm], gdpr: {{gdprCanSend: true, language: it}}, mode: sync"))
    assert len(loaded.resources) == 2


def test_the_file_is_no_part_of_the_digest(project: Project) -> None:
    project.write("people.csv", "E-mail\n")
    before = project.load(entry(PEOPLE)).digest
    project.write("people.csv", "E-mail\na@example.com\n")
    assert project.load(entry(PEOPLE)).digest == before


def test_a_source_that_is_not_there_or_not_in_the_project(project: Project) -> None:
    assert project.told(entry(PEOPLE)) == [("missing-file", "5:14")]
    assert project.told(entry(PEOPLE.replace("people.csv", "../people.csv"))) == [("path-outside-project", "5:14")]
    assert project.told(entry(PEOPLE.replace("people.csv", ".reconcile/people.csv"))) == [
        ("path-outside-project", "5:14")
    ]


def test_what_does_not_fit_together(project: Project) -> None:
    project.write("people.csv", "E-mail\n")
    project.write("people.xls", "")
    assert project.told(entry(PEOPLE.replace("email: E-mail", "name: Nome"))) == [("wrong-entry", "5:34")]
    assert project.told(entry(PEOPLE.replace("people.csv", "people.xls"))) == [("wrong-entry", "5:14")]
    assert project.told(entry(PEOPLE.replace(", lists: [news]", ", mode: sync"))) == [("wrong-entry", "5:60")]
    assert project.told(entry(f"{PEOPLE}, mode: merge")) == [("wrong-value", "5:81")]


def test_a_list_in_sync_has_one_audience(project: Project) -> None:
    project.write("people.csv", "E-mail\n")
    both = f"{HEAD}    {PEOPLE}, mode: sync}}\n    {PEOPLE.replace('people:', 'others:')}}}\n"
    findings = project.refused(both)
    assert [finding.code for finding in findings] == ["wrong-entry"]
    assert "squalomail.audience.others puts people there, too" in findings[0].detail
