"""Which providers there are, by settings."""

import pytest

from gateway.llm import ProviderFailure
from gateway.llm.registry import Providers
from tests.py.llm.models import Models, request


async def test_a_provider_with_neither_key_nor_address_is_absent() -> None:
    providers = Providers.from_settings(anthropic_api_key="", openai_base_url=None)
    assert "anthropic" not in providers
    with pytest.raises(ProviderFailure) as raised:
        providers.get("anthropic")
    assert (raised.value.outcome, raised.value.status_hint) == ("not_called", "provider_unavailable")
    assert not raised.value.reached


async def test_an_address_alone_is_enough(models: Models, provider: str) -> None:
    providers = Providers.from_settings(
        anthropic_base_url=models.address, openai_base_url=f"{models.address}/v1", max_retries=0
    )
    found = providers.get(provider)
    answer = await found.complete(request(provider))
    assert answer.simulated
    assert providers.breaker_states() == {"anthropic": "closed", "openai": "closed"}
    await providers.close()


async def test_keys_of_the_environment_are_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ANTHROPIC_API_KEY", "OPENAI_API_KEY", "ANTHROPIC_BASE_URL", "OPENAI_BASE_URL"):
        monkeypatch.setenv(name, "https://example.invalid")
    providers = Providers.from_settings()
    assert "anthropic" not in providers
    assert "openai" not in providers


async def test_settings_reach_the_calls(models: Models) -> None:
    providers = Providers.from_settings(anthropic_base_url=models.address, max_retries=0)
    with pytest.raises(ProviderFailure):
        await providers.get("anthropic").complete(request("anthropic", "[[sim:500]]"))
    assert models.made("anthropic") == 1
    await providers.close()
