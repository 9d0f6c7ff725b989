"""Answers that look like answers: derived from the prompt's first heading and the input, the same every time."""

import re
from collections import OrderedDict
from functools import lru_cache

__all__ = ["PromptCache", "answer_to", "cut_to", "deltas_of", "exactly", "tokens_in"]

HEADING = re.compile(r"^#{1,6}[ \t]+(.{1,80})", re.MULTILINE)
DELTA_CHARACTERS = 12
CACHE_LIMIT = 1000

REFUSAL = "I can't help with that request."


def tokens_in(text: str) -> int:
    """Four octets a token, rounded up."""
    octets = len(text) if text.isascii() else len(text.encode())
    return (octets + 3) // 4


def cut_to(text: str, tokens: int) -> str:
    """`text` cut to at most that many tokens, between characters."""
    return text.encode()[: tokens * 4].decode(errors="ignore")


def exactly(tokens: int) -> str:
    """Plain words that count as exactly `tokens`."""
    return "word" + "-abc" * (tokens - 1) if tokens > 0 else ""


@lru_cache(maxsize=256)
def heading_of(prompt: str) -> str:
    found = HEADING.search(prompt)
    return found.group(1).strip() if found else ""


def answer_to(prompt: str, turns: int, user_input: str) -> str:
    """`turns` earlier messages belong to the conversation."""
    title = heading_of(prompt) if prompt else ""
    question = " ".join(user_input[:400].split())[:120]
    opening = f"**{title}** applies here. " if title else ""
    again = f"Going on from our {turns} earlier messages: y" if turns else "Y"
    return (
        f'{opening}{again}ou asked "{question}". This answer is simulated: no model was called. '
        "A real one would take the request step by step, follow the package's guidance, and close with what to check."
    )


def deltas_of(text: str) -> list[str]:
    return [text[at : at + DELTA_CHARACTERS] for at in range(0, len(text), DELTA_CHARACTERS)]


class PromptCache:
    """Which prompts a provider would still hold: five minutes from the last use, at least 1024 tokens long."""

    SECONDS = 300.0
    LEAST_TOKENS = 1024

    def __init__(self) -> None:
        self._used_at: OrderedDict[tuple[str, str], float] = OrderedDict()

    def touch(self, model: str, prompt: str, now: float) -> bool:
        """Whether it was held already; it is from now on."""
        key = (model, prompt)
        used_at = self._used_at.pop(key, None)
        self._used_at[key] = now
        if len(self._used_at) > CACHE_LIMIT:
            self._used_at.popitem(last=False)
        return used_at is not None and now - used_at < self.SECONDS
