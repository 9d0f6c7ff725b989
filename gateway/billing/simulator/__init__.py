"""A stand-in for Stripe that keeps state and speaks its wire protocol, for the demo and for tests. No money moves.

Stripe's own SDK works against it unchanged. Objects look as in the API version that `switches.py` names; older callers
get the older shape. People pay on pages of the simulator, with Stripe's test cards (`cards.py`). It has a clock that
can be moved on, so that subscriptions renew (`resources/renewals.py`), signs and sends webhooks (`deliveries.py`), and
misbehaves on demand (`faults.py`, `switches.py`). `control.py` lists what one can tell it to do.

Its state is in memory; started with `--state FILE` it goes on where it was ended (`keeping.py`).
"""

from gateway.billing.simulator.server import Simulator, running

__all__ = ["Simulator", "running"]
