"""The journal: the file of one holder, between its process and the keeper."""

from unbroken.journal.parts_reader import PartsReader
from unbroken.journal.reader import JournalReader
from unbroken.journal.writer import PENDING_BYTES_MAX, Journal

__all__ = ["PENDING_BYTES_MAX", "Journal", "JournalReader", "PartsReader"]
