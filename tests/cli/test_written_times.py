"""The page tells a time also as the manifest writes it, with the offset that somebody has chosen."""

import pytest

from tests.cli.conftest import MANIFEST, Project


@pytest.mark.parametrize(("written", "told"), [("2031-07-05T09:00+05:00", True), ("2031-07-05T09:00Z", False)])
def test_a_time_as_it_is_written(project: Project, written: str, told: bool) -> None:
    project.write("emails/hello.html", "<p>Hello to all of you</p>")
    project.write("manifests/all.yaml", MANIFEST + f'      schedule: "{written}"  # summer\n')
    result = project.run("plan", "--format", "html")
    assert result.code in (0, 2), result.err
    assert (f"(written {written})" in result.out) is told
