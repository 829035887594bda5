"""The suite that any provider passes, as a class to subclass; see ``suite``. A plugin of pytest, see ``plugin``."""

from reconcile.testing.samples import Sample
from reconcile.testing.suite import ProviderSuite

__all__ = ["ProviderSuite", "Sample"]
