"""The spine, as a user runs it: plan, apply, plan again, change, remove, rename, lose the state."""

import json
from collections import Counter
from pathlib import Path

import httpx

from reconcile.sandbox.server import Server
from tests.cli.conftest import Project


def planned_writes(project: Project, *options: str) -> Counter[str]:
    """The API writes that a plan says it will make."""
    result = project.run("plan", "--format", "json", *options)
    assert result.code == 0, result.err
    steps = json.loads(result.out)["reconcile"]["steps"]
    return Counter(call["operation"] for step in steps for call in step.get("calls", []) + step.get("removals", []))


def received_writes(server: Server) -> Counter[str]:
    """The writes that the emulator received over HTTP since the last time."""
    log = httpx.get(f"{server.url}/_sandbox/requests").json()
    httpx.delete(f"{server.url}/_sandbox/requests")
    entries = log["requests"] if isinstance(log, dict) else log
    return Counter(entry["function"] for entry in entries if entry["write"])


def test_apply_then_plan_is_empty(quickstart: Project) -> None:
    applied = quickstart.run("apply", "--auto-approve")
    assert applied.code == 0, applied.err
    assert applied.out.endswith("Apply: 12 created.\n")
    again = quickstart.run("plan", "--detailed-exitcode")
    assert again.code == 0
    assert "No changes." in again.out


def test_the_plan_prints_what_the_platform_receives(over_http: Project, server: Server) -> None:
    for edit in (_nothing, _colour, _template, _body, _removal):
        edit(over_http)
        planned = planned_writes(over_http)
        assert not received_writes(server), "planning wrote"
        applied = over_http.run("apply", "--auto-approve")
        assert applied.code == 0, applied.err
        assert received_writes(server) == planned, edit
        for writes in planned:
            assert writes in applied.out
        assert "a-very-secret-key" not in applied.out + applied.err
    assert planned == {"delete-newsletter": 1}
    assert over_http.run("plan", "--detailed-exitcode").code == 0
    assert not received_writes(server)


def _nothing(_: Project) -> None:
    """The first apply."""


def _colour(project: Project) -> None:
    project.replace("manifests/lists.yaml", "#4c5a23", "#4c5a24")


def _template(project: Project) -> None:
    project.replace("emails/vabilo.html", "</body>", "<p>Nov odstavek</p></body>")


def _body(project: Project) -> None:
    project.replace("emails/gift-guide.html", "</body>", "<p>A new paragraph</p></body>")


def _removal(project: Project) -> None:
    text = (project.root / "manifests/campaigns/en.yaml").read_text()
    project.write("manifests/campaigns/en.yaml", text[: text.index("    gift-guide:")])


def test_one_colour_is_one_update(quickstart: Project) -> None:
    quickstart.run("apply", "--auto-approve")
    _colour(quickstart)
    assert planned_writes(quickstart) == {"update-list": 1}
    assert 'color: "#4c5a23" -> "#4c5a24"' in quickstart.run("plan").out
    assert quickstart.run("plan", "--detailed-exitcode").code == 2


def test_removing_a_campaign_is_one_delete(quickstart: Project) -> None:
    quickstart.run("apply", "--auto-approve")
    _removal(quickstart)
    assert planned_writes(quickstart) == {"delete-newsletter": 1}


def test_a_changed_template_replaces_its_campaigns(quickstart: Project) -> None:
    quickstart.run("apply", "--auto-approve")
    _template(quickstart)
    assert planned_writes(quickstart) == {
        "update-newsletter": 1,
        "create-newsletter-from-template": 2,
        "delete-newsletter": 2,
    }
    applied = quickstart.run("apply", "--auto-approve")
    assert applied.code == 0, applied.err
    assert "2 replaced" in applied.out
    assert quickstart.run("plan", "--detailed-exitcode").code == 0


def test_a_rename_with_was_is_a_move_and_no_call(quickstart: Project) -> None:
    quickstart.run("apply", "--auto-approve")
    quickstart.replace("manifests/campaigns/en.yaml", "    gift-guide:\n", "    presents:\n      was: [gift-guide]\n")
    assert not planned_writes(quickstart)
    assert "squalomail.campaign.presents" in quickstart.run("plan").out
    applied = quickstart.run("apply", "--auto-approve")
    assert (applied.code, applied.out.endswith("Apply: 1 moved.\n")) == (0, True), applied
    assert "squalomail.campaign.presents" in quickstart.run("state", "list").out
    assert "No changes." in quickstart.run("plan").out


def test_without_its_state_nothing_is_made_twice(quickstart: Project) -> None:
    quickstart.run("apply", "--auto-approve")
    before = quickstart.run("state", "list").out
    for path in quickstart.state.parent.glob("state.json*"):
        path.unlink()
    refused = quickstart.run("apply", "--auto-approve")
    assert refused.code == 3
    assert "state-missing" in refused.err
    assert "reconcile adopt" in refused.err
    assert not quickstart.state.exists()
    adopted = quickstart.run("adopt")
    assert adopted.code == 0, adopted.err
    assert quickstart.run("state", "list").out == before
    assert quickstart.run("plan", "--detailed-exitcode").code == 0


def test_environments_have_their_own_state_and_sandbox(quickstart: Project) -> None:
    quickstart.run("apply", "--auto-approve")
    staging = quickstart.run("--env", "staging", "plan", "--detailed-exitcode")
    assert staging.code == 2
    assert "(test)" in staging.out
    assert quickstart.run("apply", "--auto-approve", "--env", "staging").code == 0
    assert (quickstart.root / ".reconcile/staging/state.json").exists()
    assert quickstart.run("plan", "--detailed-exitcode").code == 0


def test_an_outside_edit_is_shown_and_not_overwritten_unasked(over_http: Project, server: Server) -> None:
    over_http.run("apply", "--auto-approve")
    lists = httpx.get(f"{server.url}/squalomail/v1/get-data", params={"apiKey": "k", "entity": "List"}).json()
    target = next(row["listid"] for row in lists if row["name"] == "Vabila Slovenija")
    httpx.post(f"{server.url}/_sandbox/squalomail/4711/lists/{target}", json={"color": "#00ff00"})
    shown = over_http.run("plan", "--detailed-exitcode")
    assert shown.code == 2
    assert "edited outside" in shown.out
    refused = over_http.run("apply", "--auto-approve")
    assert refused.code == 3
    assert "outside-edit" in refused.err
    saved = over_http.root / "fix.plan"
    assert over_http.run("plan", "-o", str(saved)).code == 0
    assert saved.stat().st_mode & 0o777 == 0o600
    received_writes(server)
    unsaid = over_http.run("apply", str(saved))
    assert unsaid.code == 3
    assert "--approved DIGEST" in unsaid.err
    assert received_writes(server) == {}
    other = over_http.run("apply", str(saved), "--approved", "0" * 64)
    assert other.code == 4
    assert "not what was approved" in other.err
    assert over_http.run("apply", str(saved), "--approved", digest_of(saved)).code == 0
    assert received_writes(server) == {"update-list": 1}
    assert over_http.run("plan", "--detailed-exitcode").code == 0
    assert over_http.run("apply", str(saved)).code == 0, "nothing is left to do"
    httpx.post(f"{server.url}/_sandbox/squalomail/4711/lists/{target}", json={"color": "#00ff00"})
    used = over_http.run("apply", str(saved), "--approved", digest_of(saved))
    assert used.code == 4
    assert "it was applied since" in used.out
    assert "not-approved" in used.err


def digest_of(saved: Path) -> str:
    found: str = json.loads(saved.read_bytes())["reconcile"]["digest"]
    return found


def test_a_saved_plan_does_not_approve_of_what_changed_since(quickstart: Project) -> None:
    saved = str(quickstart.root / "all.plan")
    quickstart.run("plan", "-o", saved)
    quickstart.replace("emails/gift-guide.html", "</body>", "<p>Since then</p></body>")
    changed = quickstart.run("apply", saved)
    assert changed.code == 6
    assert "Not approved, so not done" in changed.out
    assert "the entry declares something else" in changed.err
    told = json.loads(quickstart.run("apply", saved, "--format", "json").out)
    assert [found["address"] for found in told["differences"]]
    assert quickstart.run("apply", saved, "--format", "markdown").out.startswith("**Not approved")


def test_a_record_beside_manifests_that_can_t_be_read(quickstart: Project) -> None:
    saved = str(quickstart.root / "all.plan")
    quickstart.run("plan", "-o", saved, "--var", "suffix= (x)")
    other = quickstart.run("apply", saved, "--var", "suffix= (y)")
    assert other.code == 64
    assert "was made with --var suffix" in other.err
    (quickstart.root / "manifests" / "broken.yaml").write_text("squalomail: {lists: [")
    assert quickstart.run("apply", saved).code == 1
    assert quickstart.run("--env", "staging", "apply", saved).code == 4, "what the record says comes first"


def test_no_option_says_what_a_record_says(quickstart: Project) -> None:
    saved = str(quickstart.root / "all.plan")
    quickstart.run("plan", "-o", saved)
    assert quickstart.run("apply", saved, "--target", "squalomail.list.italia").code == 64
    assert quickstart.run("apply", "--approved", "0" * 64).code == 64


def test_a_saved_plan_stops_at_an_edit_made_since(over_http: Project, server: Server) -> None:
    over_http.run("apply", "--auto-approve")
    _colour(over_http)
    _body(over_http)
    saved = str(over_http.root / "two.plan")
    over_http.run("plan", "-o", saved)
    lists = httpx.get(f"{server.url}/squalomail/v1/get-data", params={"apiKey": "k", "entity": "List"}).json()
    target = next(row["listid"] for row in lists if row["name"] == "Notiziario Italia")
    httpx.post(f"{server.url}/_sandbox/squalomail/4711/lists/{target}", json={"description": "Edited meanwhile"})
    received_writes(server)
    applied = over_http.run("apply", saved)
    assert applied.code == 6
    assert "what is live has changed since" in applied.err
    assert "squalomail.list.italia" in applied.err
    assert received_writes(server) == {"update-newsletter": 1}


def test_refresh_only_shows_outside_edits_and_nothing_else(quickstart: Project) -> None:
    quickstart.run("apply", "--auto-approve")
    _colour(quickstart)
    assert quickstart.run("plan", "--refresh-only", "--detailed-exitcode").code == 0
    quickstart.run("api", "squalomail", "update-list", "id=1", "name=Edited", "--auto-approve")
    edited = quickstart.run("plan", "--refresh-only", "--detailed-exitcode")
    assert edited.code == 2
    assert '"Edited"' in edited.out
    assert quickstart.run("plan", "--refresh-only").code == 0
    assert quickstart.run("plan", "--refresh-only", "--destroy").code == 64


def test_destroy_keeps_what_is_protected(quickstart: Project) -> None:
    quickstart.run("apply", "--auto-approve")
    too_many = quickstart.run("destroy", "--auto-approve")
    assert too_many.code == 3
    assert "--allow-delete 12" in too_many.err
    destroyed = quickstart.run("destroy", "--auto-approve", "--allow-delete", "12")
    assert destroyed.code == 6
    assert "protected" in destroyed.err
    assert quickstart.run("state", "list").out.split()[0] == "squalomail.list.club"


def test_nobody_to_ask_is_a_refusal(project: Project) -> None:
    refused = project.run("apply")
    assert refused.code == 3
    assert "--auto-approve" in refused.err
    assert not project.state.exists()


def test_the_demo_tells_its_story(project: Project) -> None:
    told = project.run("demo")
    assert told.code == 0, told.err
    assert "That was the story" in told.out


def test_init_makes_a_project_that_applies(project: Project) -> None:
    made = project.run("init", str(project.root / "new"))
    assert made.code == 0, made.err
    new = Project(project.root / "new")
    assert (new.root / ".reconcile/key").stat().st_mode & 0o777 == 0o600
    valid = new.run("validate")
    assert (valid.code, valid.err) == (0, "")
    assert new.run("apply", "--auto-approve").code == 0
    assert new.run("plan", "--detailed-exitcode").code == 0
    assert new.run("fmt", "--check").code == 0
    assert project.run("init", str(new.root)).code == 1


def test_an_external_list_is_found_by_name_and_never_changed(over_http: Project, server: Server) -> None:
    over_http.write(
        "manifests/lists.yaml",
        "squalomail:\n  lists:\n"
        + "".join(
            f"    {entry}: {{manage: external, name: {name}}}\n"
            for entry, name in (("italia", "A"), ("slovenija", "B"), ("international", "C"), ("club", "D"))
        ),
    )
    missing = over_http.run("apply", "--auto-approve")
    assert missing.code == 6
    assert "external-missing" in missing.err
    for name in "ABCD":
        httpx.post(
            f"{server.url}/squalomail/v1/create-list", json={"apiKey": "k", "name": name, "published": True}
        ).raise_for_status()
    received_writes(server)
    applied = over_http.run("apply", "--auto-approve")
    assert applied.code == 0, applied.err
    assert set(received_writes(server)) <= {"create-newsletter", "create-newsletter-from-template"}
    assert over_http.run("plan", "--detailed-exitcode").code == 0
    targets = httpx.get(f"{server.url}/squalomail/v1/get-data", params={"apiKey": "k", "entity": "ListMail"}).json()
    assert targets


def test_who_may_send_is_told_by_what_decides_it(quickstart: Project) -> None:
    """Flags and policy are told as they are: what is denied names no flag, what is allowed asks for none."""
    quickstart.replace("manifests/lists.yaml", "squalomail:\n", f"squalomail:\n  campaigns:\n    now: {_SENT}\n")
    asked = quickstart.run("plan").out
    assert "NOT ALLOWED: policy.sends is ask, so it takes --allow-send" in asked
    path = quickstart.root / "reconcile.yaml"
    whole = path.read_text()
    assert "sends: ask" in whole
    path.write_text(whole.replace("sends: ask", "sends: deny"))
    denied = quickstart.run("plan").out
    assert "NOT ALLOWED: policy.sends is deny" in denied
    assert "--allow-send" not in denied
    path.write_text(whole.replace("sends: ask", "sends: allow"))
    allowed = quickstart.run("plan").out
    assert "allowed: policy.sends is allow" in allowed
    assert "may not send" not in allowed


_SENT = (
    "{subject: Now, body: <p>x</p>, lists: [italia], fromEmail: a@example.com, fromName: A, "
    "schedule: '2027-06-01T09:00:00Z'}"
)
