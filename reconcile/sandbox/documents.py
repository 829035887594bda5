"""The sandbox's tables, which stand in YAML beside the code that they steer."""

from pathlib import Path
from typing import Any

import yaml

# The parser in C takes a tenth of the time, and is in every wheel of the library; the other one reads the same.
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def read_yaml(path: Path) -> Any:
    """The document in a file of ours."""
    return yaml.load(path.read_bytes(), Loader=_LOADER)  # noqa: S506 - one of the two safe loaders
