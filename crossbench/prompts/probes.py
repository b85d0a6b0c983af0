"""Texts on which two tokenizers that are not the same give themselves away."""

from crossbench.suite.tables.prompts import Message

PROBES = (
    "The quick brown fox jumps over the lazy dog.",
    "1234567890 3.14159 -42 1,000,000",
    "def f(x):\n    return {'a': x ** 2}  # squared\n\tpass",
    "  leading, trailing and   inner   spaces  ",
    "\n\n\r\n\t\t",
    "na\u00efve caf\u00e9 \u00fcber stra\u00dfe \u0141\u00f3d\u017a",
    "cafe\u0301 decomposed",
    "\u4f60\u597d\u4e16\u754c \u3053\u3093\u306b\u3061\u306f \uc548\ub155",
    "\u041f\u0440\u0438\u0432\u0435\u0442, \u043c\u0438\u0440!",
    "\u05e9\u05dc\u05d5\u05dd \u0645\u0631\u062d\u0628\u0627",
    "\U0001f600\U0001f468\u200d\U0001f469\u200d\U0001f467 \u2764\ufe0f",
    "I'll we've DON'T can't it's",
    "https://example.org/a?b=c&d=%20#e",
)

CONVERSATION = (
    Message(role="user", content="What is two and two?"),
    Message(role="assistant", content="Four."),
    Message(role="user", content="And three?"),
)
"""A conversation that two chat templates render alike only where they are one."""
