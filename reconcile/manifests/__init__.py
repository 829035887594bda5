"""YAML files -> Resources that know the line they came from."""

from reconcile.manifests.load import Manifests, load

__all__ = ["Manifests", "load"]
