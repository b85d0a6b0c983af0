"""A model's logical shape: what decides how much memory it takes, whatever file it lies in."""

from __future__ import annotations

from msgspec import Struct


class Weights(Struct, frozen=True):
    """Weights as the artifact stores them."""

    bytes: int = 0
    floats: int = 0
    """Numbers among them that are not quantised, which an engine may cast."""
    float_bytes: int = 0
    """What these take in the artifact."""

    def cast(self, width: int | None) -> int:
        """Bytes once its floats take `width` bytes each; None leaves them as they are."""
        return self.bytes if width is None else self.bytes - self.float_bytes + self.floats * width

    def __add__(self, other: Weights) -> Weights:
        return Weights(
            self.bytes + other.bytes,
            self.floats + other.floats,
            self.float_bytes + other.float_bytes,
        )


class Layer(Struct, frozen=True, kw_only=True):
    """One decoder block."""

    weights: Weights
    largest_weight_bytes: int = 0
    """Of a single tensor."""
    replicated_bytes: int = 0
    """Of norms and the like, of which each device of a tensor split has a copy."""
    heads: int
    kv_heads: int
    key_width: int
    """Values of one head's key."""
    value_width: int
    feed_forward: int
    """Inner width of the MLP, or of one expert."""
    gated: bool = True
    """Whether the MLP has a gate beside its upward projection."""
    shared_feed_forward: int = 0
    """Inner width of an expert that every token passes."""
    experts: int = 0
    experts_used: int = 0
    window: int | None = None
    """Tokens that its attention looks back; None for all."""
    head_norm: bool = False
    """Whether queries and keys are normalised head by head."""
    post_norm: bool = False
    """Whether what attention and MLP give is normalised before it is added."""

    @property
    def kv_values(self) -> int:
        """Keys and values of one token."""
        return self.kv_heads * (self.key_width + self.value_width)


class ModelShape(Struct, frozen=True, kw_only=True):
    """A decoder with its weights' bytes as the artifact holds them."""

    architecture: str
    """As the artifact calls it, such as "llama"."""
    layers: tuple[Layer, ...]
    hidden: int
    vocabulary: int
    context_tokens: int | None
    """Positions it was made for; None where its header does not tell."""
    embedding: Weights
    output: Weights
    """Nothing where the embedding serves as output layer too."""
    other: Weights
    """What belongs to no layer: the last norm, frequencies, other modalities."""
    parameters: int
    float_width: int
    """Bytes of the type that it computes in, by its header: 2 or 4."""
    unmodelled: str | None = None
    """What of it no formula here covers, such as recurrent layers; its weights still count."""

    @property
    def tied(self) -> bool:
        """Whether embedding and output layer are one."""
        return not self.output.bytes

    @property
    def weight_bytes(self) -> int:
        """All weights."""
        return self.total.bytes

    @property
    def total(self) -> Weights:
        """All weights."""
        return sum((layer.weights for layer in self.layers), self.outside)

    @property
    def outside(self) -> Weights:
        """Weights that are in no layer."""
        return self.embedding + self.output + self.other

    @property
    def kv_values(self) -> int:
        """Keys and values of one token in all layers, windows left aside."""
        return sum(layer.kv_values for layer in self.layers)
