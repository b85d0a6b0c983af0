"""A Llama with random weights, large enough that a harness's microseconds do not show."""

from __future__ import annotations

from pathlib import Path

import gguf
import numpy as np

VOCABULARY = 32_000
HIDDEN = 1024
INTERMEDIATE = 2816
LAYERS = 8
HEADS = 16
KV_HEADS = 4
CONTEXT = 4096
SEED = 1
SPREAD = 0.02
"""Standard deviation of the weights, as models are commonly initialised."""


def write(path: Path, layers: int = LAYERS) -> None:
    """Write the GGUF, 310 MB of f16 by default: a vocabulary of ids without a tokenizer."""
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_name("random weights")
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_F16)
    writer.add_tokenizer_model("no_vocab")
    writer.add_vocab_size(VOCABULARY)
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(HIDDEN)
    writer.add_block_count(layers)
    writer.add_feed_forward_length(INTERMEDIATE)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(KV_HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    random = np.random.default_rng(SEED)
    for name, shape in shapes(layers).items():
        drawn = random.standard_normal(shape, np.float32) * np.float32(SPREAD)
        norm = len(shape) == 1
        writer.add_tensor(name, np.ones(shape, np.float32) if norm else drawn.astype(np.float16))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def shapes(layers: int) -> dict[str, tuple[int, ...]]:
    """Name -> shape of every weight, as (outputs, inputs)."""
    kv = KV_HEADS * HIDDEN // HEADS
    found: dict[str, tuple[int, ...]] = {"token_embd.weight": (VOCABULARY, HIDDEN)}
    for layer in range(layers):
        block = {
            "attn_norm": (HIDDEN,),
            "attn_q": (HIDDEN, HIDDEN),
            "attn_k": (kv, HIDDEN),
            "attn_v": (kv, HIDDEN),
            "attn_output": (HIDDEN, HIDDEN),
            "ffn_norm": (HIDDEN,),
            "ffn_gate": (INTERMEDIATE, HIDDEN),
            "ffn_up": (INTERMEDIATE, HIDDEN),
            "ffn_down": (HIDDEN, INTERMEDIATE),
        }
        found |= {f"blk.{layer}.{name}.weight": shape for name, shape in block.items()}
    return found | {"output_norm.weight": (HIDDEN,), "output.weight": (VOCABULARY, HIDDEN)}
