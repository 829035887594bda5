"""A fleet on a real Temporal server: workers are killed and frozen, the server too, and nothing is done twice."""

import asyncio
import os
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import httpx
import pytest

from reconcile.errors import InvalidInput
from reconcile.fleet.approval import Approval, new_key, public_text, sign
from reconcile.fleet.settings import Fleet, load_fleet
from reconcile.fleet.standing import Mode
from tests.fleet.conftest import FleetOf
from tests.fleet.servers import Temporal, Workers, overlaps, temporal, workers

pytestmark = pytest.mark.slow
COUNT = 200 if os.environ.get("CHAOS") else 12
HEARTBEAT = 3


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Temporal]:
    folder = tmp_path / "temporal"
    folder.mkdir()
    with temporal(folder) as running:
        yield running


KEY = new_key()


def on_temporal(fleet: FleetOf, server: Temporal) -> None:
    fleet.fleet_file(
        f'approvers:\n  ann: {{key: "{public_text(KEY)}", may: [apply, send], accounts: ["*"]}}\n'
        f"temporal: {{address: {server.address}, heartbeat: {HEARTBEAT}s}}\n"
    )


def schedule_all(fleet: FleetOf) -> None:
    """Every campaign goes out in some days."""
    at = (datetime.now(UTC) + timedelta(days=5)).replace(microsecond=0).isoformat()
    for name in fleet.names:
        project = fleet.project(name)
        entries = (project.root / "manifests" / "all.yaml").read_text()
        project.write("manifests/all.yaml", entries.replace("lists: [news]}", f"lists: [news], schedule: {at}}}"))


def until(holds: Callable[[], bool], seconds: float, told: Callable[[], Any] = lambda: "") -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, told()
        time.sleep(0.3)


def approved(fleet: FleetOf, name: str, **other: Any) -> Approval:
    waiting = fleet.standing(name)["waiting"]
    members = {
        "approver": "ann",
        "account": name,
        "environment": "default",
        "digest": waiting["digest"],
        "until": int(time.time()) + 3600,
        "sends": True,
    }
    return sign(Approval(**(members | other)), KEY)


def give(fleet: FleetOf, *approvals: Approval) -> None:
    from reconcile.fleet.temporal import send_approval

    known = load_fleet(fleet.root / "fleet.yaml", os.environ)

    async def all_of_them() -> list[bool]:
        return [await send_approval(known, each) for each in approvals]

    assert all(asyncio.run(all_of_them()))


def applied(fleet: FleetOf) -> int:
    return sum(fleet.standing(name)["applied"] is not None for name in fleet.names)


def test_workers_and_server_die_and_nothing_is_done_twice(fleet: FleetOf, server: Temporal) -> None:
    fleet.add(COUNT - len(fleet.names))
    schedule_all(fleet)
    on_temporal(fleet, server)
    environ = fleet.environ()
    os.environ.update(environ)
    died: dict[int, float] = {}
    with workers(fleet.root, environ) as running:
        first, second = running.start(), running.start()
        planned = fleet.run("run", "plan")
        assert planned.code == 2, planned.out + planned.err + running.said()
        give(fleet, *(approved(fleet, name) for name in fleet.names))
        until(lambda: applied(fleet) >= COUNT // 6, 120, running.said)
        first.kill()
        first.wait()
        died[first.pid] = time.monotonic()
        third = running.start()
        second.send_signal(signal.SIGSTOP)
        time.sleep(2 * HEARTBEAT)
        server.kill()
        server.start()
        second.send_signal(signal.SIGCONT)
        until(lambda: applied(fleet) == COUNT, 300, lambda: (applied(fleet), running.said()))
        third.terminate()
        second.terminate()
        assert third.wait(60) == 0
        assert second.wait(60) == 0
    check_each_made_once(fleet)
    assert overlaps(running.locks, died) == []


def check_each_made_once(fleet: FleetOf) -> None:
    """Each account has one list and one scheduled campaign, or one group; each mail goes to each person once."""
    mailing = [name for number, name in enumerate(fleet.names) if number % 2 == 0]
    for name in mailing:
        url, key = f"{fleet.server.url}/squalomail/v1", {"apiKey": f"key-of-{name}"}
        lists = httpx.get(f"{url}/get-lists", params=key).json()["lists"]
        assert len(lists) == 1
        person = {**key, "email": f"{name}@example.com", "listIds": [lists[0]["id"]], "accept": True, "enabled": True}
        answer = httpx.post(f"{url}/create-recipient", json=person)
        assert answer.is_success, answer.text
    sends = Counter((send["account"], send["recipient"]) for send in fleet.sends())
    assert set(sends.values()) == {1}, sends
    assert len(sends) == len(mailing)


def test_a_plan_waits_for_the_right_approval(fleet: FleetOf, server: Temporal, monkeypatch: pytest.MonkeyPatch) -> None:
    schedule_all(fleet)
    on_temporal(fleet, server)
    name, other = fleet.names[0], fleet.names[2]
    with workers(fleet.root, fleet.environ()) as running:
        told = plan_with_no_worker_yet(fleet, running, (name, other), monkeypatch)
        assert "No worker is at the task queue reconcile" in told[0]
        good = approved(fleet, name)
        of_another = approved(fleet, name, digest=fleet.standing(other)["waiting"]["digest"])
        refused = (
            ("is not signed with the key", replace(good, signature="")),
            ("is of another plan", of_another),
            ("is not signed with the key", sign(good, new_key())),
            ("is over", approved(fleet, name, until=int(time.time()) - 1)),
            ("is not signed with the key", replace(good, until=good.until + 1)),
            ("is no approver", approved(fleet, name, approver="mallory")),
            ("is for client002", approved(fleet, other)),
        )
        for said, approval in refused:
            hand(fleet, name, approval)
            until(lambda said=said: said in str(seen(fleet, name)), 30, lambda: seen(fleet, name))
            assert not [each for each in fleet.requests() if each["function"].startswith("create")]
        assert fleet.standing(name)["applied"] is None
        give(fleet, approved(fleet, name))
        until(lambda: fleet.standing(name)["applied"] is not None, 60, lambda: (seen(fleet, name), running.said()))
        assert fleet.standing(other)["applied"] is None
        names = [entry["function"] for entry in fleet.requests() if entry["function"].startswith(("create", "send"))]
        assert names == ["create-list", "create-newsletter", "send-newsletter"]
        asyncio.run(replay(fleet, name))


def plan_with_no_worker_yet(
    fleet: FleetOf, running: Workers, names: Sequence[str], monkeypatch: pytest.MonkeyPatch
) -> list[str]:
    """Ask for plans; the first worker starts once it is told that there is none. Gives what was told."""
    from reconcile.fleet import temporal as on
    from reconcile.fleet.results import results_of

    monkeypatch.setattr(on, "_IDLE", 0.1)
    known = load_fleet(fleet.root / "fleet.yaml", os.environ)
    told: list[str] = []

    def tell(text: str) -> None:
        if not told:
            running.start()
        told.append(text)

    keys = [f"{name}@default" for name in names]
    asyncio.run(on.request(known, keys, Mode.PLAN, results_of(known), lambda standing: None, tell))
    return told


async def replay(fleet: FleetOf, name: str) -> None:
    """Do what an account's workflow did once more, in Temporal's sandbox: it comes to the same, or this fails."""
    from temporalio.worker import Replayer

    from reconcile.fleet.activities import workflow_id
    from reconcile.fleet.temporal import connected
    from reconcile.fleet.workflows import ReconcileAccount

    async with connected(load_fleet(fleet.root / "fleet.yaml", os.environ)) as client:
        history = await client.get_workflow_handle(workflow_id(f"{name}@default")).fetch_history()
    assert sum(event.HasField("activity_task_completed_event_attributes") for event in history.events) >= 3
    await Replayer(workflows=[ReconcileAccount]).replay_workflow(history)


def test_an_account_changed_meanwhile_asks_again(fleet: FleetOf, server: Temporal) -> None:
    """Somebody made the first account's list by hand, and the second account's project is another one by now."""
    on_temporal(fleet, server)
    name, other = fleet.names[0], fleet.names[2]
    with workers(fleet.root, fleet.environ()) as running:
        running.start()
        assert fleet.run("run", "plan", "--account", name, "--account", other).code == 2, running.said()
        first, second = approved(fleet, name), approved(fleet, other)
        url, key = f"{fleet.server.url}/squalomail/v1", {"apiKey": f"key-of-{name}"}
        made = {**key, "name": f"News of {name}", "description": "", "color": "#336699", "published": True}
        assert httpx.post(f"{url}/create-list", json=made).is_success
        fleet.project(other).replace("manifests/all.yaml", "#336699", "#336600")
        give(fleet, first, second)
        until(lambda: fleet.standing(name)["failure"] is not None, 60, lambda: (seen(fleet, name), running.said()))
        assert fleet.standing(name)["applied"] is None
        assert fleet.standing(name)["failure"]["code"] in (3, 4)
        until(lambda: digest(fleet, other) != second.digest, 60, lambda: (seen(fleet, other), running.said()))
        assert fleet.standing(other)["applied"] is None
        assert created(fleet) == 1, "the one made by hand"
        give(fleet, approved(fleet, other))
        until(lambda: fleet.standing(other)["applied"] is not None, 60, lambda: (seen(fleet, other), running.said()))


def digest(fleet: FleetOf, name: str) -> str | None:
    """The digest of the plan of an account that waits."""
    waiting = fleet.standing(name)["waiting"]
    return waiting["digest"] if waiting is not None else None


def test_looks_are_scheduled_and_spread_over_the_hour(
    fleet: FleetOf, server: Temporal, monkeypatch: pytest.MonkeyPatch
) -> None:
    from reconcile.fleet import temporal as on
    from reconcile.fleet.activities import slot_of

    monkeypatch.setattr(on, "SLOTS", 6)
    on_temporal(fleet, server)
    for _ in range(2):  # which makes them, and brings them up to date
        assert "every 1h, spread over 6 turns" in fleet.run("schedule").out
    known = load_fleet(fleet.root / "fleet.yaml", os.environ)
    turns = asyncio.run(schedules(known))
    assert sorted(turns.values()) == [(3600.0, 600.0 * number) for number in range(6)]
    name = fleet.names[0]
    slot = slot_of(f"{name}@default", 6)
    with workers(fleet.root, fleet.environ()) as running:
        running.start()
        asyncio.run(trigger(known, f"reconcile-drift-{slot:02}"))
        until(lambda: (fleet.root / "results" / f"{name}@default.json").exists(), 60, running.said)
    ran = {path.name.removesuffix("@default.json") for path in (fleet.root / "results").glob("*.json")}
    assert ran <= {each for each in fleet.names if slot_of(f"{each}@default", 6) == slot}
    assert fleet.run("schedule", "--remove").out.startswith("6 schedules")
    assert fleet.run("schedule", "--remove").out.startswith("0 schedules")


async def schedules(known: Fleet) -> dict[str, tuple[float, float]]:
    """The schedules that Temporal keeps: how often, and how long after the hour (seconds)."""
    from reconcile.fleet.temporal import connected

    found = {}
    async with connected(known) as client:
        for number in range(6):
            name = f"reconcile-drift-{number:02}"
            (interval,) = (await client.get_schedule_handle(name).describe()).schedule.spec.intervals
            found[name] = (interval.every.total_seconds(), (interval.offset or timedelta()).total_seconds())
    return found


async def trigger(known: Fleet, name: str) -> None:
    """Begin the turn of a schedule now."""
    from reconcile.fleet.temporal import connected

    async with connected(known) as client:
        await client.get_schedule_handle(name).trigger()


def test_what_is_cancelled_ends_in_a_saved_state(fleet: FleetOf, server: Temporal) -> None:
    """At two calls a second an apply is cancelled after its first write: no other follows, and the next run goes on."""
    name = fleet.names[0]
    more = "".join(f"    more{number}: {{name: More {number}}}\n" for number in range(30))
    fleet.project(name).replace("manifests/all.yaml", "  campaigns:\n", f"{more}  campaigns:\n")
    on_temporal(fleet, server)
    with workers(fleet.root, fleet.environ()) as running:
        running.start()
        assert fleet.run("run", "plan", "--account", name).code == 2, running.said()
        with (fleet.root / "fleet.yaml").open("a") as file:
            file.write("limits: {slow: {requestsPerSecond: 2}}\n")
        give(fleet, approved(fleet, name))
        until(lambda: created(fleet) >= 1, 60, running.said)
        until(lambda: asyncio.run(progress(fleet, name)).get("calls", 0) >= 1, 60, running.said)
        assert asyncio.run(progress(fleet, name))["doing"] == "apply"
        assert asyncio.run(cancel(fleet, name)) == "CANCELED"
        made = created(fleet)
        assert 1 <= made < 32
        listed = fleet.project(name).run("state", "list").out.splitlines()
        assert len(listed) == made
        fleet.fleet_file(f'approvers:\n  ann: {{key: "{public_text(KEY)}", may: [apply], accounts: ["*"]}}\n')
        results = fleet.run("run", "apply", "--account", name)
        assert results.code == 3, "the approval went to the workflow alone"
        from reconcile.fleet.results import results_of

        results_of(load_fleet(fleet.root / "fleet.yaml", os.environ)).approve(approved(fleet, name, sends=False))
        assert fleet.run("run", "apply", "--account", name).code == 0
        assert created(fleet) == 32


def test_what_is_withdrawn_before_a_worker_acts_is_not_done(fleet: FleetOf, server: Temporal) -> None:
    from reconcile.fleet.approval import private_bytes

    on_temporal(fleet, server)
    name, key = fleet.names[0], fleet.root / "ann.pem"
    key.write_bytes(private_bytes(KEY))
    with workers(fleet.root, fleet.environ()) as running:
        first = running.start()
        assert fleet.run("run", "plan", "--account", name).code == 2, running.said()
        first.terminate()
        assert first.wait(60) == 0
        signing = ("approve", name, "--key", str(key), "--digest", fleet.standing(name)["waiting"]["digest"])
        assert fleet.run(*signing).out.startswith("Approved, and told")
        assert fleet.run("approve", name, "--withdraw").code == 0
        running.start()
        assert fleet.run("run", "drift", "--account", name).code == 2
        assert created(fleet) == 0
        assert fleet.run(*signing).code == 0
        until(lambda: created(fleet) == 2, 60, running.said)


def test_a_worker_looks_through_folders_now_and_then(fleet: FleetOf, monkeypatch: pytest.MonkeyPatch) -> None:
    """A new account is found at once, one that is gone is forgotten soon, and thousands aren't listed for each."""
    from reconcile.fleet import activities

    worker = activities.Activities(fleet.root / "fleet.yaml", os.environ, cast("Any", None), "queue")
    listed, accounts = [], Fleet.accounts
    monkeypatch.setattr(Fleet, "accounts", lambda self: listed.append(self) or accounts(self))
    for name in fleet.names * 2:
        assert worker._account(f"{name}@default").name == name
    assert len(listed) == 1
    fleet.add(1)
    assert worker._account(f"{fleet.names[-1]}@default").project == fleet.project(fleet.names[-1]).root
    assert len(listed) == 2
    (fleet.project(fleet.names[0]).root / "reconcile.yaml").unlink()
    assert worker._read is not None
    worker._read.until = 0.0  # that time has passed
    with pytest.raises(InvalidInput, match='no account "client000@default"'):
        worker._account("client000@default")


def created(fleet: FleetOf) -> int:
    return sum(entry["function"].startswith("create") for entry in fleet.requests())


async def progress(fleet: FleetOf, name: str) -> dict[str, Any]:
    """What the run of an account last said of its progress, where Temporal shows it."""
    from reconcile.fleet.activities import workflow_id
    from reconcile.fleet.temporal import connected

    async with connected(load_fleet(fleet.root / "fleet.yaml", os.environ)) as client:
        found = await client.get_workflow_handle(workflow_id(f"{name}@default")).describe()
        (running,) = found.raw_description.pending_activities
        payloads = running.heartbeat_details.payloads
        told: list[dict[str, Any]] = await client.data_converter.decode(payloads)
        return told[0] if told else {}


async def cancel(fleet: FleetOf, name: str) -> str:
    """Cancel an account's workflow; how it ended."""
    from temporalio.client import WorkflowFailureError

    from reconcile.fleet.activities import workflow_id
    from reconcile.fleet.temporal import connected

    async with connected(load_fleet(fleet.root / "fleet.yaml", os.environ)) as client:
        handle = client.get_workflow_handle(workflow_id(f"{name}@default"))
        await handle.cancel()
        with pytest.raises(WorkflowFailureError):
            await asyncio.wait_for(handle.result(), 60)
        status = (await handle.describe()).status
        assert status is not None
        return status.name


def hand(fleet: FleetOf, name: str, approval: Approval) -> None:
    """Give an account's workflow whatever approval, as somebody with a seat at Temporal could."""
    from reconcile.fleet.activities import workflow_id
    from reconcile.fleet.temporal import connected
    from reconcile.fleet.workflows import ReconcileAccount

    async def signal_it() -> None:
        async with connected(load_fleet(fleet.root / "fleet.yaml", os.environ)) as client:
            handle = client.get_workflow_handle(workflow_id(f"{name}@default"))
            await handle.signal(ReconcileAccount.approve, asdict(approval))

    asyncio.run(signal_it())


def seen(fleet: FleetOf, name: str) -> Any:
    """What the workflow of an account says of itself."""
    from reconcile.fleet.activities import workflow_id
    from reconcile.fleet.temporal import connected
    from reconcile.fleet.workflows import ReconcileAccount

    async def ask() -> Any:
        async with connected(load_fleet(fleet.root / "fleet.yaml", os.environ)) as client:
            return await client.get_workflow_handle(workflow_id(f"{name}@default")).query(ReconcileAccount.seen)

    return asyncio.run(ask())
