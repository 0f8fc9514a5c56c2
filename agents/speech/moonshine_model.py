"""Moonshine tiny-en on plain onnxruntime and numpy: no torch, no download.

Theory of operation
-------------------
The encoder runs once over the whole segment. The merged decoder then writes one token per step:
step 0 fills its key/value caches, later steps read them (`use_cache_branch`). The encoder half
of the cache never changes after step 0, so only the decoder half is carried on.
"""

import os
from pathlib import Path
from typing import Any, Self, TypeAlias

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from agents import wheel
from agents.speech import moonshine_tokens

SAMPLE_RATE = 16_000
TOKENS_PER_S_MAX = 6.5  # faster than anyone speaks; stops a decoder that loops
TOKENS_MIN = 4
BEGIN, END = 1, 2

Samples: TypeAlias = NDArray[np.float32]


class MoonshineModel:
    """Call with mono samples at 16 kHz, -1..1; returns the text, "" where there is none.

    `.ort` and `.onnx` exports both work. One thread is fastest on small machines.
    """

    def __init__(self, encoder: Path, decoder: Path, tokenizer: Path, *, threads: int = 1) -> None:
        self._encoder = _session(encoder, threads)
        self._decoder = _session(decoder, threads)
        self._tokens = moonshine_tokens.load(tokenizer)
        inputs = self._decoder.get_inputs()
        self._cache_shapes = {
            i.name: (1, i.shape[1], 1, i.shape[3]) for i in inputs if i.name.startswith("past")
        }
        self._outputs = [output.name for output in self._decoder.get_outputs()]
        # Some exports ask for explicit masks, some do not.
        self._encoder_masked = "attention_mask" in {i.name for i in self._encoder.get_inputs()}
        self._decoder_masked = "encoder_attention_mask" in {i.name for i in inputs}

    @classmethod
    def installed(cls, *, threads: int = 1) -> Self:
        """The weights in the `moonshine-voice` wheel, or those in the folder `MOONSHINE_BASE`."""
        tiny = wheel.folder("moonshine_voice") / "assets" / "tiny-en"
        chosen = Path(os.environ.get("MOONSHINE_BASE") or tiny)
        suffix = ".ort" if (chosen / "encoder_model.ort").exists() else ".onnx"
        return cls(
            chosen / f"encoder_model{suffix}",
            chosen / f"decoder_model_merged{suffix}",
            tiny / "tokenizer.bin",
            threads=threads,
        )

    def __call__(self, samples: Samples) -> str:
        if not samples.size:
            return ""
        audio = np.asarray(samples, np.float32)[None]
        mask = np.ones(audio.shape, np.int64)
        fixed: dict[str, Any] = {"encoder_hidden_states": self._encode(audio, mask)}
        if self._decoder_masked:
            fixed["encoder_attention_mask"] = mask
        limit = int(audio.shape[1] / SAMPLE_RATE * TOKENS_PER_S_MAX)
        return moonshine_tokens.decode(self._tokens, self._ids(fixed, max(TOKENS_MIN, limit)))

    def _encode(self, audio: Samples, mask: NDArray[np.int64]) -> Samples:
        feed: dict[str, Any] = {self._encoder.get_inputs()[0].name: audio}
        if self._encoder_masked:
            feed["attention_mask"] = mask
        states: Samples = self._encoder.run(None, feed)[0]
        return states

    def _ids(self, fixed: dict[str, Any], limit: int) -> list[int]:
        cache = {name: np.zeros(shape, np.float32) for name, shape in self._cache_shapes.items()}
        ids: list[int] = []
        for step in range(limit):
            feed = {
                "input_ids": np.array([[ids[-1] if ids else BEGIN]], np.int64),
                "use_cache_branch": np.array([step > 0]),
                **fixed,
                **cache,
            }
            made = dict(zip(self._outputs, self._decoder.run(None, feed), strict=True))
            token_id = int(made["logits"][0, -1].argmax())
            if token_id == END:
                break
            ids.append(token_id)
            for name in cache:
                if step == 0 or "decoder" in name:
                    cache[name] = made[name.replace("past_key_values", "present")]
        return ids


def _session(path: Path, threads: int) -> ort.InferenceSession:
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
