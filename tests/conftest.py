"""Settings that all tests share."""

import os

import pytest
from hypothesis import HealthCheck, Phase, settings

from tests import world

# A slow, shared machine is no reason to fail. CI repeats the same examples each time, people get new ones, and neither
# waits minutes for an example to shrink that may be large by nature; run with --hypothesis-profile=shrink for that.
_SHARED = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}
settings.register_profile("shrink", **_SHARED)
settings.register_profile("random", **_SHARED, phases=set(Phase) - {Phase.shrink})
settings.register_profile("ci", **_SHARED, phases=set(Phase) - {Phase.shrink}, derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "random")


@pytest.fixture(autouse=True, scope="session")
def _homes(tmp_path_factory: pytest.TempPathFactory) -> None:
    world.HOMES["folder"] = tmp_path_factory.mktemp("worlds")
