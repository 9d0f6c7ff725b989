"""A stand-in for Anthropic and OpenAI that speaks their wire protocols, for the demo and for tests.

It validates what the real APIs validate, counts tokens, simulates prompt caching, and misbehaves on demand: by a script
(`/_sim/script`), by marker words in the user's input (`[[sim:529]]`), or by stopping at a named point until resumed
(`/_sim/pause`). The same input gives the same answer. See `behaviour.py` for all it can do wrong.

A token is four octets of UTF-8, rounded up. That is no real tokenizer, but anyone can check it by hand.
"""

from gateway.llm.simulator.server import Simulator, running

__all__ = ["Simulator", "running"]
