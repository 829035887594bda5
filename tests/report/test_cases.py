"""Each folder of ``cases``: a plan, and what every renderer makes of it, whole."""

import datetime
import json
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import orjson
import pytest

from reconcile.model.address import Address
from reconcile.model.kind import Action
from reconcile.planner.plan import AttributeChange, Cause, Plan, Step
from reconcile.planner.planfile import from_document
from reconcile.report import to_json, to_markdown, to_terminal
from reconcile.review.letters import Context
from reconcile.review.page import render as render_page

CASES = sorted(path.parent for path in Path(__file__).parent.glob("cases/*/plan.json"))
WHEN: Any = {"now": 1_795_000_000.0, "zone": datetime.timezone(datetime.timedelta(hours=1), "CET")}
FORMATS: dict[str, Callable[[Plan], str]] = {
    "plan.txt": lambda plan: to_terminal.render(plan, color=False, **WHEN),
    "verbose.txt": lambda plan: to_terminal.render(plan, color=False, verbose=True, **WHEN),
    "color.txt": lambda plan: to_terminal.render(plan, color=True, **WHEN).replace("\x1b", "␛"),
    "plan.md": lambda plan: to_markdown.render(plan, **WHEN),
    "show.json": lambda plan: json.dumps(to_json.plan_json(plan), indent=2, ensure_ascii=False) + "\n",
}


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_case(case: Path, name: str, update_cases: bool) -> None:
    plan = from_document(orjson.loads((case / "plan.json").read_bytes()))
    rendered = FORMATS[name](plan).encode()
    expected = case / name
    if update_cases:
        expected.write_bytes(rendered)
    assert rendered.decode() == expected.read_bytes().decode()


def crowded(count: int) -> Plan:
    body = "".join(f"<p>{number}</p>\n" for number in range(500))
    steps = (
        Step(
            Address("squalomail", "campaign", f"c{number}"),
            Action.UPDATE,
            Cause.MANIFEST,
            (
                AttributeChange("body", body, body.replace("7", "8"), Cause.MANIFEST, text=True),
                *(AttributeChange(f"a{n}", "|" * 100, "`" * 100, Cause.MANIFEST) for n in range(30)),
            ),
            id=str(number),
        )
        for number in range(count)
    )
    return Plan({step.address: step for step in steps})


def test_markdown_fits_in_a_comment() -> None:
    assert len(to_markdown.render(crowded(300), **WHEN)) < 65_536


class Tags(HTMLParser):
    """What a browser would see of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[str] = []
        self.attributes: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append(tag)
        self.attributes |= {name for name, _ in attrs}


def test_user_data_is_no_markup() -> None:
    plan = from_document(orjson.loads((Path(__file__).parent / "cases/injection/plan.json").read_bytes()))
    tags = Tags()
    tags.feed(render_page(plan, Context(**WHEN)))
    assert tags.seen.count("script") == 1  # ours
    assert not {"img", "base", "link", "object", "form"} & set(tags.seen)
    assert not {name for name in tags.attributes if name.startswith("on")}
    for text in (to_terminal.render(plan, color=False, **WHEN), to_markdown.render(plan, **WHEN)):
        assert not set(text) & {"\x1b", "\x9b", "\r", "\u202e"}
