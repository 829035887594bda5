"""The plugin of pytest: runs each test of a ProviderSuite for every kind, operation and attribute that it is about."""

from typing import Any


def pytest_generate_tests(metafunc: Any) -> None:
    """Fill in ``kind``, ``changed`` and ``operation``; a test that a suite excuses is not made."""
    suite = metafunc.cls
    if suite is None or not hasattr(suite, "cases_of"):
        return
    names = tuple(name for name in ("kind", "changed", "operation") if name in metafunc.fixturenames)
    if names:
        cases = suite.cases_of(metafunc.function.__name__, names)
        metafunc.parametrize(names, cases, ids=["-".join(case) for case in cases])
