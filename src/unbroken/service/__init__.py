"""The HTTP service: one module per URL noun. The only place that imports the web framework."""

from unbroken.service.app import create_app
from unbroken.service.server import run
from unbroken.service.settings import Settings

__all__ = ["Settings", "create_app", "run"]
