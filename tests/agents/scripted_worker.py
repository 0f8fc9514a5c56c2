"""The assistant's worker with rules in place of a model: `python -m tests.agents.scripted_worker`.

UNBROKEN_TEST_RULES names a rules file (see scripted.py). All else is as with agents.worker.
"""

import os

from agents.worker import build_server, run, start
from tests.agents.scripted import ScriptedLLM


def scripted_llm() -> ScriptedLLM:
    return ScriptedLLM.from_file(os.environ["UNBROKEN_TEST_RULES"])


async def main() -> None:
    await run(build_server(os.environ, make=scripted_llm), os.environ)


if __name__ == "__main__":
    start(main)
