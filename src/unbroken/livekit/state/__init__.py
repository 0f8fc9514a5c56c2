"""The state of the live objects: what is read of them for the log, and put back from it."""
