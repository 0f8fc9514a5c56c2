"""A short LiveKit secret, which is LiveKit's own on this host, is no line of the worker's log."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SIGNED = "api.AccessToken('devkey', 'secret').to_jwt()"
# The worker's own process, and that of a call.
WORKER = f"""
from livekit import api
from agents import worker
async def work():
    {SIGNED}
worker.start(work, [])
"""
JOB = f"""
from types import SimpleNamespace
from livekit import api
from agents import worker
worker.prewarm(SimpleNamespace(userdata={{}}))
{SIGNED}
"""


@pytest.mark.parametrize("program", [WORKER, JOB], ids=["worker", "job"])
def test_a_short_secret_is_not_told_at_each_token(program):
    environ = {k: v for k, v in os.environ.items() if not k.startswith("UNBROKEN_")}
    done = subprocess.run(
        [sys.executable, "-W", "default", "-c", program],
        cwd=ROOT,
        env=environ,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "HMAC" not in done.stderr + done.stdout
