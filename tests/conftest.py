"""Settings that all tests share."""

import os
import signal
import sys
from functools import cache
from pathlib import Path

import pytest
from httpx._transports import default as transports
from hypothesis import HealthCheck, Phase, settings

from tests import world

# A slow, shared machine is no reason to fail. CI repeats the same examples each time, people get new ones, and neither
# waits minutes for an example to shrink that may be large by nature; run with --hypothesis-profile=shrink for that.
_SHARED = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}
settings.register_profile("shrink", **_SHARED)
settings.register_profile("random", **_SHARED, phases=set(Phase) - {Phase.shrink})
settings.register_profile("ci", **_SHARED, phases=set(Phase) - {Phase.shrink}, derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "random")


# A shell that runs the tests in the background has them ignore Ctrl-C, and all that they start would, too.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


# What was compiled is kept: the many processes that the tests start would each compile all modules anew.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

# Each client of httpx's own reads all the certificates there are, some 20 ms each time; no test's server shows any.
transports.create_ssl_context = cache(transports.create_ssl_context)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-cases", action="store_true", help="rewrite what the cases expect; review the diff")


@pytest.fixture
def update_cases(request: pytest.FixtureRequest) -> bool:
    return bool(request.config.getoption("--update-cases"))


@pytest.fixture(autouse=True, scope="session")
def _homes(tmp_path_factory: pytest.TempPathFactory) -> None:
    world.HOMES["folder"] = tmp_path_factory.mktemp("worlds")


# Files that take more than some five seconds: searches, kills, servers, whole stories. A new test that does is marked
# in place, with ``@pytest.mark.slow``.
_SLOW = """
    cli/test_api cli/test_audience cli/test_canary cli/test_canary_gatormail cli/test_compliance cli/test_datafeed
    cli/test_hints cli/test_hostile cli/test_outlet cli/test_random_kills cli/test_story cli/test_vendor_campaign
    cli/test_vendor_flows doctor/test_doctor doctor/test_scratch
    engine/test_audience engine/test_audience_calls engine/test_audience_files engine/test_audience_imports
    engine/test_audience_people engine/test_audience_safety engine/test_distorted engine/test_drift engine/test_export
    engine/test_faults engine/test_feed engine/test_gate engine/test_gatormail_audience
    engine/test_gatormail_audience_people engine/test_gatormail_audience_sync engine/test_gatormail_properties
    engine/test_gatormail_schedule engine/test_gatormail_unreadable engine/test_kills engine/test_misread
    engine/test_outside_edits engine/test_properties engine/test_proxy engine/test_pull engine/test_schedule
    engine/test_schema fleet/test_commands fleet/test_database fleet/test_report mail/test_changes manifests/test_schema
    providers/squalomail/test_new_kind report/test_ranking review/test_browsers review/test_contrast
    review/test_pictures sandbox/test_command sandbox/test_server state/test_audience_kills state/test_buckets
    state/test_contract state/test_http state/test_objectstore state/test_postgresql state/test_processes
"""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    slow = {Path(__file__).parent / f"{name}.py" for name in _SLOW.split()}
    for item in items:
        if item.path in slow:
            item.add_marker(pytest.mark.slow)
