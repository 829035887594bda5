"""The situations in which our messages name commands."""

import json
import shutil
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.cli.conftest import Project, Result
from tests.cli.hints import Situation

ME, NEWS, TEMPLATE = "squalomail.campaign.me", "squalomail.list.news", "squalomail.template.base"
GROUP, LAUNCH = "gatormail.group.g", "gatormail.campaign.launch"
SOON = (datetime.now(UTC) + timedelta(days=3)).strftime("%Y-%m-%dT%H:00:00Z")
SETTINGS = """\
version: 1
providers:
  squalomail: {type: squalomail, url: "sandbox:", account: "4711"}
  gatormail: {type: gatormail, url: "sandbox:", instance: acme_lz, timezone: Europe/London}
variables: {word: Hello}
environments: {staging: {}}
"""
APPLY = ("apply", "--auto-approve")
SENDING = (*APPLY, "--allow-send")


def do(project: Project, *arguments: str, code: int = 0) -> Result:
    result = project.run(*arguments)
    assert result.code == code, (arguments, result.out, result.err)
    return result


def entries(
    project: Project, *, lists: str = "", campaigns: str = "", templates: str = "", audiences: str = ""
) -> None:
    """Manifests of SqualoMail, in place of those that were there."""
    kinds = {"lists": lists, "campaigns": campaigns, "templates": templates, "audiences": audiences}
    text = "".join(f"  {kind}: {{{members}}}\n" for kind, members in kinds.items() if members)
    project.write("manifests/all.yaml", "squalomail:\n" + text if text else "")


def news(name: str = "News", **members: str) -> str:
    return f"news: {{name: {name}, {', '.join(f'{key}: {value}' for key, value in members.items())}}}"


def mail(subject: str = "Hello", schedule: str = "", **members: str) -> str:
    whole = {"fromEmail": "a@example.com", "fromName": "A", "lists": "[news]", "body": "<p>Hi</p>", **members}
    told = {"subject": subject, **whole, "schedule": schedule}
    return f"me: {{{', '.join(f'{key}: {value}' for key, value in told.items() if value)}}}"


def api(project: Project, operation: str, *arguments: str) -> None:
    """What a colleague does in the web interface."""
    do(project, "api", "squalomail", operation, *arguments, "--auto-approve", "--allow-send")


def number(project: Project, address: str) -> int:
    """The id of an entry's object."""
    return int(json.loads(do(project, "state", "pull").out)["resources"][address]["id"])


# What has happened before.


def nothing(project: Project) -> None:
    entries(project, lists=news())


def applied(project: Project) -> None:
    entries(project, lists=news(), campaigns=mail())
    do(project, *SENDING)


def edited(project: Project) -> None:
    applied(project)
    api(project, "update-list", "id=1", "name=Hers", "ordering=1", "published=true", "listTags=[]")


def deleted_outside(project: Project) -> None:
    entries(project, lists=news(), campaigns=mail(only="[default]"))
    do(project, *SENDING)
    api(project, "delete-newsletter", f"newsletterId={number(project, ME)}")


def conflicting(project: Project) -> None:
    edited(project)
    entries(project, lists=news("Ours"), campaigns=mail())


def to_schedule(project: Project) -> None:
    applied(project)
    entries(project, lists=news(), campaigns=mail(schedule=SOON))


def scheduled(project: Project) -> None:
    to_schedule(project)
    do(project, *SENDING)


def joined(project: Project) -> None:
    api(project, "create-recipient", "email=p@example.com", "name=P", f"listIds=[{number(project, NEWS)}]")


def outgrown(project: Project) -> None:
    scheduled(project)
    joined(project)


def list_with_people_removed(project: Project) -> None:
    entries(project, lists=f"{news()}, other: {{name: Other}}")
    do(project, *SENDING)
    joined(project)
    entries(project, lists="other: {name: Other}")


def all_removed(project: Project) -> None:
    applied(project)
    entries(project)


def there_already(project: Project) -> None:
    entries(project, lists="other: {name: Other}")
    do(project, *SENDING)
    api(project, "create-list", "name=News", "published=true")
    entries(project, lists=f"{news()}, other: {{name: Other}}")


def there_twice(project: Project) -> None:
    there_already(project)
    api(project, "create-list", "name=News", "published=true")


def looks_like_it(project: Project) -> None:
    entries(project, lists="other: {name: Other}")
    do(project, *SENDING)
    api(project, "create-list", "name=NEWS ", "published=true")
    entries(project, lists=f"{news()}, other: {{name: Other}}")


def state_gone(project: Project) -> None:
    entries(project, lists=news())
    do(project, *SENDING)
    project.state.unlink()
    Path(f"{project.state}.journal").unlink(missing_ok=True)


def external_twice(project: Project) -> None:
    there_twice(project)
    entries(project, lists="news: {name: News, manage: external}, other: {name: Other}")


def managed_elsewhere(project: Project) -> None:
    applied(project)
    entries(project, lists=f"{news()}, again: {{name: News, manage: external}}", campaigns=mail())


def went_out_altered(project: Project) -> None:
    scheduled(project)
    id_ = number(project, ME)
    api(project, "cancel-sending-newsletter", f"newsletterId={id_}")
    api(project, "update-newsletter", f"id={id_}", "subject=Hers", "body=<p>Hi</p>", "listIds=[1]")
    api(project, "send-newsletter", f"newsletterId={id_}", f"sendDate={int(time.time()) + 7200}")


def from_a_template(project: Project) -> None:
    project.write("emails/base.html", "<p>Hi</p>")
    entries(
        project,
        lists=news(),
        templates="base: {subject: Base, bodyFile: emails/base.html}",
        campaigns=mail(body="", template="base"),
    )
    do(project, *SENDING)
    api(project, "update-newsletter", f"id={number(project, ME)}", "subject=Hello", "body=<p>Hers</p>", "listIds=[1]")


def saved(project: Project) -> None:
    applied(project)
    entries(project, lists=news("Ours"), campaigns=mail())
    do(project, "plan", "-o", str(project.root / "old.plan"))


def saved_and_changed(project: Project) -> None:
    saved(project)
    entries(project, lists=news("Theirs"), campaigns=mail())


def saved_and_damaged(project: Project) -> None:
    saved(project)
    project.replace("old.plan", '"Ours"', '"Evil"')


def saved_in_another_project(project: Project) -> None:
    saved(project)
    project.state.unlink()
    entries(project, lists="other: {name: Other}")
    do(project, *SENDING)


def variable_missing(project: Project) -> None:
    project.replace("reconcile.yaml", "word: Hello", "word: null")
    entries(project, lists=news('"${var.word}"'))


def people(project: Project) -> None:
    project.write("people.csv", "email\np1@example.com\np2@example.com\n")
    entries(project, lists=news(), audiences="p: {source: people.csv, columns: {email: email}, lists: [news]}")


def people_for_a_scheduled_mail(project: Project) -> None:
    scheduled(project)
    project.write("people.csv", "email\np1@example.com\n")
    audience = "p: {source: people.csv, columns: {email: email}, lists: [news]}"
    entries(project, lists=news(), campaigns=mail(schedule=SOON), audiences=audience)


def broken_row(project: Project) -> None:
    people(project)
    project.write("people.csv", "email\np1@example.com\nbroken\n")


def new_to_people(project: Project) -> None:
    entries(project, lists=news())
    do(project, *SENDING)
    joined(project)
    people(project)


def key_gone(project: Project) -> None:
    people(project)
    do(project, *SENDING)
    key = project.root / ".reconcile" / "key"
    key.write_text("ab" * 32)
    project.write("people.csv", "email\np1@example.com\np2@example.com\np3@example.com\n")


def adopted_without_utm(project: Project) -> None:
    entries(project, lists=news())
    do(project, *SENDING)
    api(project, "create-newsletter", "subject=Hello", "body=<p>Hi</p>", "listIds=[1]")
    entries(project, lists=news(), campaigns=mail())
    rows = json.loads(do(project, "api", "squalomail", "get-data", "entity=Mail").out)
    do(project, "import", ME, str(rows[0]["mailid"]))
    entries(project, lists=news(), campaigns=mail(body="<p>Other</p>"))


def pushed(change: Callable[[dict[str, object]], object]) -> Callable[[Project], None]:
    def arrange(project: Project) -> None:
        applied(project)
        text = do(project, "state", "pull").out
        document = json.loads(text)
        change(document)
        document.pop("checksum", None)
        project.write("pushed.json", json.dumps(document))

    return arrange


def state_damaged(project: Project) -> None:
    applied(project)
    project.state.write_bytes(project.state.read_bytes()[:-40])


def removed_by_no_address(project: Project) -> None:
    applied(project)
    project.write("manifests/removed.yaml", "removed: [nonsense]\n")


def without_the_key(project: Project) -> None:
    people(project)
    do(project, *SENDING)
    (project.root / ".reconcile" / "key").unlink()
    project.write("people.csv", "email\np1@example.com\np2@example.com\np3@example.com\n")


def interrupted(arrange: Callable[[Project], None]) -> Callable[[Project], None]:
    """A run before died over making the list."""

    def begun(project: Project) -> None:
        arrange(project)
        document = json.loads(do(project, "state", "pull").out)
        intent = {"operation": "create-list", "key": ["News"], "attributes": {"name": "News"}, "started": 1.0}
        document["intents"] = {NEWS: intent}
        project.write("state.json", json.dumps(document))
        do(project, "state", "push", "state.json")

    return begun


def outside_any_project(project: Project) -> None:
    (project.root / "reconcile.yaml").unlink()
    shutil.rmtree(project.root / "manifests")


FILE = "old.plan"
SITUATIONS = [
    Situation("{} is bound to id {}. See what apply would", there_already, ("import", NEWS, "2")),
    Situation(
        "Give the right with --allow-send.",
        applied,
        (
            "api",
            "squalomail",
            "send-newsletter",
            "newsletterId={me}",
            f"sendDate={int(time.time()) + 9 * 86400}",
            "--auto-approve",
        ),
    ),
    Situation("Give --auto-approve.", applied, ("api", "squalomail", "create-list", "name=X")),
    Situation(
        "--approved says which FILE is meant, so it",
        saved,
        ("apply", "--approved", "ab"),
        fill={"FILE": FILE},
        not_meant=("--approved",),
        stays=True,
    ),
    Situation(
        "Give --auto-approve, or apply a saved plan",
        nothing,
        ("apply",),
    ),
    Situation("Saved the plan. Approve of it with: reconcile", saved, ("plan", "-o", FILE), stays=True),
    Situation(
        "This is only a record: what was seen on {",
        saved,
        ("show", FILE),
        stays=True,
    ),
    Situation(
        "Apply the plan that was approved, or have",
        saved,
        ("apply", FILE, "--approved", "ab"),
        fill={"FILE": FILE},
        stays=True,
    ),
    Situation(
        "Plan again (reconcile plan -o FILE), and",
        saved_and_changed,
        ("apply", FILE, "--approved", "DIGEST"),
        stays=True,
    ),
    Situation(
        "Make the plan again with `reconcile plan",
        saved_and_damaged,
        ("apply", FILE, "--approved", "ab"),
        fill={"FILE": FILE},
    ),
    Situation(
        "Plan again, or see that the project's state",
        saved_in_another_project,
        ("apply", FILE, "--approved", "DIGEST"),
        stays=True,
    ),
    Situation("Begin one with `reconcile init`, or name", outside_any_project, ("plan",)),
    Situation("Look at the bindings above, and give --auto", state_damaged, ("state", "rebuild")),
    Situation(
        "{} has {} now. See what apply would change",
        applied,
        ("state", "rebuild", "--auto-approve"),
        stays=True,
    ),
    Situation(
        "Bind the manifests to the live objects anew",
        state_damaged,
        ("plan",),
        beside={"state rebuild": ("--auto-approve",)},
    ),
    Situation(
        "See with `reconcile state pull` what is there",
        pushed(lambda found: found.update(lineage="other")),
        ("state", "push", "pushed.json"),
        stays=True,
    ),
    Situation(
        "Take `reconcile state pull` and change that",
        pushed(lambda found: found.update(serial=0)),
        ("state", "push", "pushed.json"),
        stays=True,
    ),
    Situation(
        "See the addresses in the state with `reconcile",
        applied,
        ("state", "rm", "squalomail.list.none"),
        stays=True,
    ),
    Situation("{}, or apply the rest with", to_schedule, APPLY, stays=True),
    Situation("Say which: reconcile import {} ID", there_twice, ("adopt",), fill={"ID": "2"}, codes={"adopt": 1}),
    Situation("reconcile import {} ID", external_twice, ("plan",), fill={"ID": "2"}),
    Situation(
        "If another object is meant: reconcile state",
        lambda project: (applied(project), api(project, "create-list", "name=Other", "published=true")),
        ("import", NEWS, "2"),
        stays=True,
    ),  # type: ignore[func-returns-value]
    Situation(
        'If it is this entry\'s: "reconcile import {} {}",',
        there_already,
        ("plan",),
    ),
    Situation(
        'If it is this entry\'s: "reconcile import {} {}".',
        looks_like_it,
        ("plan",),
    ),
    Situation(
        "Bring the state back, or bind what exists",
        state_gone,
        ("plan",),
        fill={"ADDRESS": NEWS, "ID": "1"},
    ),
    Situation(
        "Refer to {}, and take this entry out. To",
        managed_elsewhere,
        ("plan",),
        stays=True,
    ),
    Situation(
        "Write the edit into the manifest (reconcile",
        edited,
        APPLY,
    ),
    Situation(
        "If it is to stay deleted, take its entry out",
        deleted_outside,
        APPLY,
    ),
    Situation(
        "Take the outside edit (reconcile pull {}",
        conflicting,
        APPLY,
        codes={"pull": 6},  # the other side's change is gone
    ),
    Situation(
        "If that is meant: --allow-delete N, N being",
        list_with_people_removed,
        APPLY,
        fill={"N": "1"},
    ),
    Situation(
        "If that is meant: {} --allow-delete {}.",
        all_removed,
        APPLY,
        codes={"destroy": 0},
        beside={"destroy": ("--auto-approve",)},
    ),
    Situation("Declare them as they should be, or accept", adopted_without_utm, (*SENDING,)),
    Situation(
        "It went out otherwise than was approved:",
        went_out_altered,
        ("plan",),
        later=4 * 3600,
    ),
    Situation(
        "it has gone out like this and stays so; take",
        went_out_altered,
        ("drift",),
        later=4 * 3600,
    ),
    Situation(
        "More people would get it than were approved",
        outgrown,
        ("plan",),
    ),
    Situation("if that is right, put it on record: reconcile", outgrown, ("drift",)),
    Situation(
        "{} changed outside, and the entry has it",
        from_a_template,
        ("pull",),
    ),
    Situation(
        'The variable "{}" has no value. Give one',
        variable_missing,
        ("plan",),
        fill={"VALUE": "Hello"},
    ),
    Situation("reconcile state list shows those that are", removed_by_no_address, ("plan",), stays=True),
    Situation(
        "Set {} to the key that was used so far, or",
        without_the_key,
        ("plan",),
    ),
    Situation(
        "If it is this entry's: reconcile import {",
        interrupted(looks_like_it),
        APPLY,
    ),
    Situation(
        "Delete the ones too many in the web interface",
        interrupted(there_twice),
        APPLY,
        fill={"ID": "2"},
    ),
    Situation("Correct them, or go on without them: --skip", broken_row, SENDING),
    Situation(
        "If another state has applied it, bring that",
        new_to_people,
        SENDING,
    ),
    Situation(
        "Bring back the project key (RECONCILE_KEY",
        key_gone,
        SENDING,
    ),
    Situation(
        "Give the right with --allow-send, or apply",
        people_for_a_scheduled_mail,
        APPLY,
        stays=True,
    ),
]
