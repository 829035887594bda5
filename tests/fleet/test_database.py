"""A fleet in PostgreSQL: its accounts, its results, and limits that processes share."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from reconcile.errors import StateError
from reconcile.fleet.limits import Limits
from reconcile.fleet.results import Folder, Tables
from reconcile.fleet.settings import SharedLimit
from tests.fleet.conftest import FleetOf
from tests.fleet.test_report import standings
from tests.state import servers

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with servers.postgresql() as url:
        if url is None:
            pytest.skip("PostgreSQL is not installed, or did not start")
        yield url


@pytest.fixture
def database(server: str) -> str:
    """A database with no tables in it."""
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    return server


def test_standings_records_and_approvals_are_kept(database: str) -> None:
    kept = Tables(database)
    made = standings(8)
    for standing in made:
        kept.put(standing)
        kept.put(standing)
    assert sorted(kept.standings(), key=lambda each: each.key) == sorted(made, key=lambda each: each.key)
    assert kept.standing("acme", "production") == made[0]
    assert kept.standing("acme", "other").looked is None
    assert kept.record("ab" * 32) is None
    kept.keep_record("ab" * 32, b"{}")
    assert kept.record("ab" * 32) == b"{}"


def test_what_was_kept_since_is_given_once(database: str, tmp_path: Path) -> None:
    first, second, *_ = standings(6)
    for kept in (Tables(database), Folder(tmp_path / "results")):
        seen: dict[str, str] = {}
        assert kept.changed(seen) == []
        for standing in (first, second):
            kept.put(standing)
        assert sorted(kept.changed(seen), key=lambda each: each.key) == [first, second]
        assert kept.changed(seen) == []
        kept.put(replace(second, ran=5.0))
        kept.put(first)
        assert sorted(kept.changed(seen), key=lambda each: each.key) == [first, replace(second, ran=5.0)]
        assert len(kept.changed({})) == 2


def test_a_whole_run_with_accounts_and_results_in_the_database(fleet: FleetOf, database: str) -> None:
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("CREATE TABLE clients (name text, project text, environment text, environ jsonb, note text)")
        for name in fleet.names:
            upper = name.upper()
            environ = {"MAIL_KEY": f"KEY_{upper}", "GATOR_ID": f"ID_{upper}", "GATOR_SECRET": f"SECRET_{upper}"}
            environ |= {"GATOR_USER": f"USER_{upper}", "GATOR_PASSWORD": f"PASSWORD_{upper}"}
            connection.execute(
                "INSERT INTO clients VALUES (%s, %s, NULL, %s, 'x')", [name, f"clients/{name}", json.dumps(environ)]
            )
    key = fleet.root / "ann.pem"
    public = fleet.run("key", str(key)).out.strip()
    (fleet.root / "fleet.yaml").write_text(
        "version: 1\n"
        f"accounts: {{table: {{url: '{database}', name: clients}}}}\n"
        f"results: '{database}'\n"
        f"approvers: {{ann: {{key: '{public}', may: [apply], accounts: ['*']}}}}\n"
        f"limits: {{one: {{requestsPerSecond: 200}}}}\nlimitStore: '{database}'\n"
    )
    planned = fleet.run("run", "plan")
    assert planned.code == 2, planned.err
    waiting = Tables(database).standing("client000", "default").waiting
    assert waiting is not None
    assert fleet.run("approve", "client000", "--key", str(key), "--digest", waiting.digest).code == 0
    assert fleet.run("run", "apply").code == 2
    assert Tables(database).standing("client000", "default").applied is not None


SHARE = """
import sys, time
from reconcile.fleet.limits import Limits
from reconcile.fleet.settings import SharedLimit
turns = Limits([SharedLimit("key", 20, ("*",), ("*",))], sys.argv[1]).of("a", "mail")
for _ in range(10):
    time.sleep(turns.reserve())
    print(time.time(), flush=True)
"""


def test_processes_share_a_limit(database: str) -> None:
    started = [
        subprocess.Popen([sys.executable, "-c", SHARE, database], stdout=subprocess.PIPE, text=True) for _ in range(3)
    ]
    times = sorted(float(line) for process in started for line in process.communicate(timeout=60)[0].split())
    assert len(times) == 30
    # Turns are 50 ms apart; each of the three processes may have woken late, and so be close to the next one.
    assert times[-1] - times[0] > 28 * 0.05
    assert max(sum(at <= other < at + 1 for other in times) for at in times) <= 24


def test_no_call_goes_out_without_a_turn() -> None:
    limits = Limits([SharedLimit("key", 20, ("*",), ("*",))], "postgresql://127.0.0.1:1/nowhere")
    turns = limits.of("a", "mail")
    assert turns is not None
    before = time.monotonic()
    with pytest.raises(StateError, match="database can't be used"):
        turns.reserve()
    assert time.monotonic() - before < 15
