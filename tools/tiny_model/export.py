"""Export the trained model to GGUF: f16 by our own writer, 8 and 4 bits by llama.cpp.

python -m tools.tiny_model.export suites/models/tiny
"""

import argparse
import json
from pathlib import Path
from typing import Any

import gguf
import llama_cpp
import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file

from .native import silence
from .template import SPECIALS

Array = NDArray[np.generic]
QUANTISED = {
    "tiny-q8_0.gguf": llama_cpp.LLAMA_FTYPE_MOSTLY_Q8_0,
    "tiny-q4_k_m.gguf": llama_cpp.LLAMA_FTYPE_MOSTLY_Q4_K_M,
}
OUTER = {
    "model.embed_tokens.weight": "token_embd.weight",
    "model.norm.weight": "output_norm.weight",
    "lm_head.weight": "output.weight",
}
INNER = {
    "input_layernorm": "attn_norm",
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "post_attention_layernorm": "ffn_norm",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}


def gguf_name(name: str) -> str:
    """The GGUF name of a weight."""
    if name in OUTER:
        return OUTER[name]
    layer, _, inner = name.removeprefix("model.layers.").partition(".")
    return f"blk.{layer}.{INNER[inner.removesuffix('.weight')]}.weight"


def interleaved(weight: Array, heads: int) -> Array:
    """Rows reordered per head from two halves to pairs, as llama.cpp's rotation wants them."""
    rows, columns = weight.shape
    halves = weight.reshape(heads, 2, rows // heads // 2, columns)
    return np.ascontiguousarray(halves.swapaxes(1, 2).reshape(rows, columns))


def add_architecture(writer: gguf.GGUFWriter, config: dict[str, Any]) -> None:
    """The shape of the model as metadata."""
    writer.add_name("crossbench tiny")
    writer.add_license("apache-2.0")
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_F16)
    writer.add_vocab_size(config["vocab_size"])
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(config["num_attention_heads"])
    writer.add_head_count_kv(config["num_key_value_heads"])
    writer.add_rope_dimension_count(config["head_dim"])
    writer.add_rope_freq_base(config["rope_theta"])
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])


def add_tokenizer(writer: gguf.GGUFWriter, folder: Path, config: dict[str, Any]) -> None:
    """The tokenizer and the chat template as metadata."""
    bpe = json.loads((folder / "tokenizer.json").read_text())["model"]
    tokens = sorted(bpe["vocab"], key=bpe["vocab"].__getitem__)
    control, normal = gguf.TokenType.CONTROL, gguf.TokenType.NORMAL
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(tokens)
    writer.add_token_types([control if token in SPECIALS else normal for token in tokens])
    writer.add_token_merges([" ".join(pair) for pair in bpe["merges"]])
    writer.add_bos_token_id(config["bos_token_id"])
    writer.add_eos_token_id(config["eos_token_id"])
    writer.add_add_bos_token(True)
    writer.add_add_eos_token(False)
    writer.add_add_space_prefix(False)
    described = json.loads((folder / "tokenizer_config.json").read_text())
    writer.add_chat_template(described["chat_template"])


def write_f16(folder: Path, target: Path) -> None:
    """The GGUF that holds the numbers of the safetensors, each as it is."""
    config = json.loads((folder / "config.json").read_text())
    writer = gguf.GGUFWriter(target, "llama")
    add_architecture(writer, config)
    add_tokenizer(writer, folder, config)
    heads = {"q_proj": config["num_attention_heads"], "k_proj": config["num_key_value_heads"]}
    for name, weight in load_file(folder / "model.safetensors").items():
        kind = name.split(".")[-2]
        stored = interleaved(weight, heads[kind]) if kind in heads else weight
        # llama.cpp wants vectors in f32; every f16 number is one of f32 too
        writer.add_tensor(gguf_name(name), stored if stored.ndim > 1 else stored.astype(np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def quantise(source: Path, target: Path, kind: int) -> None:
    """Have llama.cpp write a quantised copy."""
    params = llama_cpp.llama_model_quantize_default_params()
    params.ftype = kind
    params.nthread = 1
    silence()
    if llama_cpp.llama_model_quantize(bytes(source), bytes(target), params):
        raise RuntimeError(f"llama.cpp did not write {target}")


def main() -> None:
    """Write the three GGUF files beside the safetensors."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, nargs="?", default=Path("suites/models/tiny"))
    folder = parser.parse_args().folder
    source = folder / "tiny-f16.gguf"
    write_f16(folder, source)
    for name, kind in QUANTISED.items():
        quantise(source, folder / name, kind)
    for path in sorted(folder.glob("*.gguf")):
        print(f"{path.name:20} {path.stat().st_size:>10}")


if __name__ == "__main__":
    main()
