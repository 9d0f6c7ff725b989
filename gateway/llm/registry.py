"""The providers of one process, by name."""

from urllib.parse import urlsplit

from gateway.llm import Provider, ProviderFailure
from gateway.llm.anthropic import DEFAULT_BASE_URL as ANTHROPIC_BASE_URL
from gateway.llm.anthropic import AnthropicWire
from gateway.llm.breaker import Breaker, BreakerState
from gateway.llm.caller import Caller, Limits
from gateway.llm.openai import DEFAULT_BASE_URL as OPENAI_BASE_URL
from gateway.llm.openai import OpenAIWire

__all__ = ["Providers"]

# A stand-in on a base URL of its own needs no key, the SDKs do.
NO_KEY = "none"


class Providers:
    """Providers by the name that the models table gives them. Absent is who has neither a key nor a base URL."""

    def __init__(self, *callers: Caller) -> None:
        self._callers = {caller.name: caller for caller in callers}

    @classmethod
    def from_settings(
        cls,
        *,
        anthropic_api_key: str | None = None,
        anthropic_base_url: str | None = None,
        openai_api_key: str | None = None,
        openai_base_url: str | None = None,
        first_byte_seconds: float = 30.0,
        idle_seconds: float = 20.0,
        max_retries: int = 2,
    ) -> "Providers":
        """Times in seconds. Empty strings count as absent. To be called inside the event loop that uses it."""
        limits = Limits(first_byte_seconds=first_byte_seconds, idle_seconds=idle_seconds, max_retries=max_retries)
        callers: list[Caller] = []
        for wire, key, base_url, default_base_url in (
            (AnthropicWire, anthropic_api_key, anthropic_base_url, ANTHROPIC_BASE_URL),
            (OpenAIWire, openai_api_key, openai_base_url, OPENAI_BASE_URL),
        ):
            if key or base_url:
                address = base_url or default_base_url
                made = wire(
                    api_key=key or NO_KEY,
                    base_url=address,
                    connect_seconds=limits.connect_seconds,
                    trust_env=not _is_loopback(address),
                )
                callers.append(Caller(made, limits=limits, breaker=Breaker()))
        return cls(*callers)

    def get(self, name: str) -> Provider:
        """The provider called `name`. Raises `ProviderFailure` (not_called) when it is absent."""
        caller = self._callers.get(name)
        if caller is None:
            raise ProviderFailure(name, "not_called", "provider_unavailable", reached=False)
        return caller

    def __contains__(self, name: object) -> bool:
        return name in self._callers

    def breaker_states(self) -> dict[str, BreakerState]:
        """For /metrics: the state of each provider's breaker in this process."""
        return {name: caller.breaker.state for name, caller in self._callers.items()}

    async def close(self) -> None:
        for caller in self._callers.values():
            await caller.close()


def _is_loopback(address: str) -> bool:
    # A proxy of the environment is for the world outside, not for a simulator beside us.
    return urlsplit(address).hostname in ("127.0.0.1", "localhost", "::1")
