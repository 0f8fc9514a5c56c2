"""The keeper: ships a spool to its archive."""

from unbroken.keeper.keeper import Keeper, Options

__all__ = ["Keeper", "Options"]
