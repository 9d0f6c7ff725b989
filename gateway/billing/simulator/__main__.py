"""`python -m gateway.billing.simulator --port 9091`: the simulator as a process of its own."""

import argparse
import asyncio
import signal
import sys
from pathlib import Path

import uvloop

from gateway.billing.simulator import Simulator, running
from gateway.billing.simulator.deliveries import Endpoint
from gateway.billing.simulator.seeds import Price, seed_price


def price(text: str) -> Price:
    """`ID=CENTS[:interval]`, in dollars' cents."""
    name, equals, rest = text.partition("=")
    cents, colon, interval = rest.partition(":")
    if not name or not equals or not cents.isdecimal():
        raise argparse.ArgumentTypeError("a price is ID=CENTS or ID=CENTS:month")
    return Price(id=name, unit_amount=int(cents), interval=interval if colon else None, product=name)


async def serve(arguments: argparse.Namespace) -> None:
    simulator = Simulator(base_url=arguments.base_url.rstrip("/"), state=arguments.state)
    for each in arguments.price:
        seed_price(simulator.world, each)
    if arguments.webhook:
        simulator.courier.endpoints.append(Endpoint(arguments.webhook, arguments.webhook_secret or [""]))
    ended = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    async with running(simulator, host=arguments.host, port=arguments.port) as (_, address):
        sys.stdout.write(f"simulated Stripe at {address}\n")
        sys.stdout.flush()
        await ended.wait()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m gateway.billing.simulator", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True, help="0 takes a free one; the address is printed")
    parser.add_argument("--base-url", default="", help="how people reach its pages (default: as the API was reached)")
    parser.add_argument("--state", type=Path, metavar="FILE", help="where its state is kept; without it, nowhere")
    parser.add_argument("--webhook", metavar="URL", help="where events go")
    parser.add_argument("--webhook-secret", metavar="whsec_…", action="append", help="repeat while one is rolled")
    parser.add_argument("--price", type=price, action="append", default=[], metavar="ID=CENTS[:month]")
    uvloop.run(serve(parser.parse_args()))


if __name__ == "__main__":
    main()
