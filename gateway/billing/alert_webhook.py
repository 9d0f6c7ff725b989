"""Tells the operators' webhook of alerts, signed as Standard Webhooks has it. Of an answer only its status is read."""

import asyncio
import base64
import binascii
import hashlib
import hmac
import time

import aiohttp

from gateway.billing.loops import NotDone

PREFIX = "whsec_"
SHORTEST_SECRET = 24
LONGEST_SECRET = 64
# Far below the lease of a claim, so that nobody else sends meanwhile.
DELIVERY_SECONDS = 10.0
GONE = 410
# Says nothing about this alert: the next one would fare the same.
NOT_NOW = frozenset({408, 425, 429})


def key_of(secret: str) -> bytes:
    """The octets that a secret `whsec_<base64>` stands for. Raises ValueError, which never repeats it."""
    try:
        key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("not base64") from None
    if not secret.startswith(PREFIX) or not SHORTEST_SECRET <= len(key) <= LONGEST_SECRET:
        raise ValueError("not a webhook secret")
    return key


def sign(key: bytes, message_id: str, timestamp: int, body: bytes) -> str:
    """The header webhook-signature of a message."""
    signed = b".".join([message_id.encode(), str(timestamp).encode(), body])
    return "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()


class AlertWebhook:
    """The operators' endpoint. `seconds`: what one delivery may take in all."""

    def __init__(
        self, session: aiohttp.ClientSession, url: str, secret: str, *, seconds: float = DELIVERY_SECONDS
    ) -> None:
        self._session = session
        self._url = url
        self._key = key_of(secret)
        self._seconds = seconds

    async def send(self, alert_id: str, body: bytes) -> None:
        """Returns once the endpoint has taken the alert (2xx). alert_id is the same in each try. Raises NotDone."""
        # Receivers refuse old messages, so each try bears its own time and signature.
        timestamp = int(time.time())
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "Scrip",
            "webhook-id": alert_id,
            "webhook-timestamp": str(timestamp),
            "webhook-signature": sign(self._key, alert_id, timestamp, body),
        }
        try:
            async with asyncio.timeout(self._seconds):
                # Followed elsewhere, an alert would be shown to whoever the endpoint names.
                response = await self._session.post(self._url, data=body, headers=headers, allow_redirects=False)
        except TimeoutError:
            raise NotDone("took too long", is_outage=True) from None
        except (aiohttp.ClientError, OSError) as trouble:
            raise NotDone(type(trouble).__name__, is_outage=True) from None
        # Whatever else it has to say stays unread.
        response.close()
        status = response.status
        if not 200 <= status < 300:
            raise NotDone(f"HTTP {status}", is_final=status == GONE, is_outage=status >= 500 or status in NOT_NOW)
