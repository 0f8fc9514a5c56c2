"""The scripted worker without an agent name, as in LiveKit's first example: every new room gets it.

`python -m tests.e2e.unnamed_worker`, with UNBROKEN_AGENT_NAME empty.
"""

from agents import worker
from tests.agents.scripted_worker import main

worker.AGENT_NAME = ""

if __name__ == "__main__":
    worker.start(main)
