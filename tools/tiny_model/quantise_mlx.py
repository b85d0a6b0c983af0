"""Quantise the trained model to 4 bits by mlx-lm, as `mlx_lm.convert -q` does by default.

python -m tools.tiny_model.quantise_mlx suites/models/tiny suites/models/tiny-mlx-4bit
"""

import argparse
import json
import shutil
from pathlib import Path

from mlx_lm.utils import (
    compute_bits_per_weight,
    load_model,
    quantize_model,
    save_config,
    save_model,
)

BITS = 4
GROUP_SIZE = 64
COPIED = ("tokenizer.json", "tokenizer_config.json", "generation_config.json")


def quantise(source: Path, target: Path) -> float:
    """Write the quantised model with the tokenizer as it is; its bits per weight, files aside."""
    model, _ = load_model(source)
    config = json.loads((source / "config.json").read_text())
    model, config = quantize_model(model, config, GROUP_SIZE, BITS)
    target.mkdir(parents=True, exist_ok=True)
    save_model(target, model)
    save_config(config, target / "config.json")
    for name in COPIED:
        shutil.copyfile(source / name, target / name)
    return float(compute_bits_per_weight(model))


def main() -> None:
    """Write the folder and list it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("source", type=Path, nargs="?", default=Path("suites/models/tiny"))
    parser.add_argument("target", type=Path, nargs="?", default=Path("suites/models/tiny-mlx-4bit"))
    args = parser.parse_args()
    quantise(args.source, args.target)
    for path in sorted(args.target.iterdir()):
        print(f"{path.name:30} {path.stat().st_size:>10}")


if __name__ == "__main__":
    main()
