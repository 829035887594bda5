"""Postino passes the suite that every provider passes, found by its entry point."""

import pytest

from reconcile.providers import names, provider_named
from reconcile.testing import ProviderSuite

if "postino" not in names():
    pytest.skip("it is not installed: make test does that", allow_module_level=True)


class TestPostino(ProviderSuite):
    """Its kinds need no samples of their own: texts and switches are made up."""

    provider = provider_named("postino")
