"""The chat format: its special tokens, its Jinja template, and the same thing in Python."""

from collections.abc import Sequence

Message = tuple[str, str]

BOS, EOS, END = "<|bos|>", "<|eos|>", "<|end|>"
SPECIALS = (BOS, EOS, "<|system|>", "<|user|>", "<|assistant|>", END)

CHAT_TEMPLATE = (
    "{{ bos_token }}"
    "{% for message in messages %}"
    "{{ '<|' + message['role'] + '|>' + message['content'] + '<|end|>\\n' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}"
)


def document(text: str) -> str:
    """A plain text as the model sees it in training."""
    return BOS + text + END + EOS


def render(messages: Sequence[Message], add_generation_prompt: bool = False) -> str:
    """What CHAT_TEMPLATE makes of (role, content) messages."""
    turns = "".join(f"<|{role}|>{content}{END}\n" for role, content in messages)
    return BOS + turns + ("<|assistant|>" if add_generation_prompt else "")
