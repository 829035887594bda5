from contextlib import suppress

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    with suppress(ValueError):  # other folders with cases have the same option
        parser.addoption("--update-cases", action="store_true", help="rewrite what is expected; review the diff")


@pytest.fixture
def update_cases(request: pytest.FixtureRequest) -> bool:
    # The option is only there if this folder, or a file in it, is named on pytest's command line.
    return bool(request.config.getoption("--update-cases", default=False))
