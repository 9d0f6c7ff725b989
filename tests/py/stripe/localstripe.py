"""localstripe as its own process, on loopback and without its file in /tmp; and a receiver for its webhooks."""

import base64
import json
import queue
import subprocess
import sys
import threading
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.py.support.database import PATIENCE_SECONDS, wait_until
from tests.py.support.ports import port_of_our_own

Json = dict[str, Any]
CARD = "4242424242424242"
DECLINED = "4000000000000341"  # can be attached, and declines when charged

# Its own command listens on every interface and keeps what it knows for the next start.
PROGRAM = """
import sys
from aiohttp import web
from localstripe import resources, server
resources.Store.dump_to_disk = lambda store: None
web.run_app(server.app, host="127.0.0.1", port=int(sys.argv[1]), print=None)
"""


@dataclass(frozen=True)
class Delivery:
    """One webhook as it came in."""

    body: bytes
    signature: str

    @property
    def event(self) -> Json:
        return json.loads(self.body)


class LocalStripe:
    """What a test asks of it. Failures that it answers come back as their JSON."""

    def __init__(self, address: str, deliveries: "queue.Queue[Delivery]") -> None:
        self.address = address
        self._deliveries = deliveries

    def call(self, method: str, path: str, **fields: Any) -> Json:
        data = urllib.parse.urlencode(fields).encode() if method == "POST" else None
        request = urllib.request.Request(self.address + path, data, method=method)
        key = base64.b64encode(b"sk_test_of_these_tests:").decode()
        request.add_header("Authorization", f"Basic {key}")
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE_SECONDS) as response:
                return json.loads(response.read() or b"{}")
        except urllib.error.HTTPError as error:
            return json.loads(error.read())

    def post(self, path: str, **fields: Any) -> Json:
        return self.call("POST", path, **fields)

    def get(self, path: str) -> Json:
        return self.call("GET", path)

    def customer(self, email: str) -> str:
        return self.post("/v1/customers", email=email)["id"]

    def card(self, customer_id: str, number: str = CARD) -> str:
        card = {"card[number]": number, "card[exp_month]": 12, "card[exp_year]": 2040, "card[cvc]": "123"}
        method_id = self.post("/v1/payment_methods", type="card", **card)["id"]
        self.post(f"/v1/payment_methods/{method_id}/attach", customer=customer_id)
        return method_id

    def payment_intent(self, customer_id: str, method_id: str, amount: int, purchase_id: str) -> Json:
        return self.post(
            "/v1/payment_intents",
            amount=amount,
            currency="usd",
            customer=customer_id,
            payment_method=method_id,
            **{"metadata[purchase_id]": purchase_id},
        )

    def confirm(self, intent_id: str) -> Json:
        return self.post(f"/v1/payment_intents/{intent_id}/confirm")

    def delivery(self, kind: str) -> Delivery:
        """The next webhook of that type; others before it are let go."""
        while True:
            each = self._deliveries.get(timeout=PATIENCE_SECONDS)
            if each.event["type"] == kind:
                return each


@contextmanager
def running(secret: str) -> Iterator[LocalStripe]:
    """A localstripe that knows nothing yet and signs its webhooks with `secret`."""
    deliveries: queue.Queue[Delivery] = queue.Queue()
    with receiving(deliveries) as receiver, started() as address:
        stripe = LocalStripe(address, deliveries)
        wait_until(lambda: answers(stripe), "localstripe")
        request = urllib.request.Request(f"{address}/_config/webhooks/tests", method="POST")
        request.data = urllib.parse.urlencode({"url": receiver, "secret": secret}).encode()
        request.add_header("Authorization", "Bearer sk_test_of_these_tests")
        urllib.request.urlopen(request, timeout=PATIENCE_SECONDS).close()
        yield stripe


def answers(stripe: LocalStripe) -> bool:
    try:
        return "data" in stripe.get("/v1/customers")
    except OSError:
        return False


@contextmanager
def started() -> Iterator[str]:
    port = port_of_our_own()
    process = subprocess.Popen([sys.executable, "-c", PROGRAM, str(port)], stderr=subprocess.DEVNULL)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()


@contextmanager
def receiving(deliveries: "queue.Queue[Delivery]") -> Iterator[str]:
    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            deliveries.put(Delivery(body, self.headers["Stripe-Signature"]))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *arguments: object) -> None:
            """Says nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Receiver) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}/"
        finally:
            server.shutdown()
            thread.join()
