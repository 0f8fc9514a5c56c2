"""Where an installed package lies, found without importing it.

The weights we use sit in packages whose import would load a native library, or fail for want of
one; the files are all we need of them.
"""

import importlib.util
from pathlib import Path


def folder(package: str) -> Path:
    """The package's folder. Raises ModuleNotFoundError if it is not installed."""
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(f"{package} is not installed: pip install 'unbroken[embedded]'")
    return Path(spec.origin).parent
