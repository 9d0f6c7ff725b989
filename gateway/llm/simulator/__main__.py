"""`python -m gateway.llm.simulator --port 9090`: the simulator as a process of its own."""

import argparse

import uvloop
from aiohttp import web

from gateway.llm.simulator import Simulator


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m gateway.llm.simulator", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--delta-ms", type=float, default=0.0, help="time between deltas of a stream (default 0)")
    arguments = parser.parse_args()
    web.run_app(
        Simulator(delta_ms=arguments.delta_ms).app(),
        host=arguments.host,
        port=arguments.port,
        access_log=None,
        handler_cancellation=True,
        shutdown_timeout=1.0,
        loop=uvloop.new_event_loop(),
    )


if __name__ == "__main__":
    main()
