"""Deliveries that Stripe did not make: from one true event, by a seeded generator, in every way that comes to mind."""

import base64
import hashlib
import hmac
import json
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta

from tests.py.stripe.shop import NOW, SECRET, hex_digest, sign

TOLERANCE_SECONDS = 300
STAMP = str(int(NOW.timestamp()))


@dataclass(frozen=True)
class Forgery:
    """A body with the header that goes with it; None: no header at all."""

    kind: str
    body: bytes
    header: str | None


Maker = Callable[[random.Random, bytes], tuple[bytes, str | None]]
_MAKERS: list[Maker] = []


def maker(function: Maker) -> Maker:
    _MAKERS.append(function)
    return function


KINDS = _MAKERS


def forgeries(event: bytes, count: int, seed: int) -> Iterator[Forgery]:
    """`count` forged deliveries of a true event, all kinds in turn."""
    chance = random.Random(seed)
    for number in range(count):
        make = _MAKERS[number % len(_MAKERS)]
        yield Forgery(make.__name__, *make(chance, event))


def header(digest: str, stamp: str = STAMP, scheme: str = "v1") -> str:
    return f"t={stamp},{scheme}={digest}"


def random_digest(chance: random.Random) -> str:
    return chance.randbytes(32).hex()


@maker
def missing(chance: random.Random, event: bytes) -> tuple[bytes, str | None]:
    return event, None


@maker
def empty(chance: random.Random, event: bytes) -> tuple[bytes, str | None]:
    return event, chance.choice(["", " ", ",", "=", "t=", "v1=", "t=,v1=", ",,,,"])


@maker
def wrong_secret(chance: random.Random, event: bytes) -> tuple[bytes, str | None]:
    secrets = ["", SECRET.upper(), SECRET[:-1], f"{SECRET} ", SECRET.removeprefix("whsec_"), chance.randbytes(24).hex()]
    return event, sign(event, secret=chance.choice(secrets))


@maker
def random_signature(chance: random.Random, event: bytes) -> tuple[bytes, str | None]:
    return event, header(random_digest(chance))


@maker
def one_digit_changed(chance: random.Random, event: bytes) -> tuple[bytes, str | None]:
    digest = list(hex_digest(event, STAMP))
    at = chance.randrange(len(digest))
    digest[at] = chance.choice([digit for digit in "0123456789abcdef" if digit != digest[at]])
    return event, header("".join(digest))


@maker
def too_old(chance: random.Random, event: bytes) -> tuple[bytes, str | None]:
    return event, sign(event, NOW - timedelta(seconds=TOLERANCE_SECONDS + chance.choice([1, 2, 60, 86_400, 10**9])))


@maker
def from_the_future(chance: random.Random, event: bytes) -> tuple[bytes, str | None]:
    return event, sign(event, NOW + timedelta(seconds=TOLERANCE_SECONDS + chance.choice([1, 2, 60, 86_400, 10**9])))


@maker
def another_scheme(chance: random.Random, event: bytes) -> tuple[bytes, str | None]:
    scheme = chance.choice(["v0", "v2", "v10", "V1", "v", "1", "v1 ", " v1", "scheme"])
    return event, header(hex_digest(event, STAMP), scheme=scheme)


@maker
def two_times(chance: random.Random, event: bytes) -> tuple[bytes, str | None]:
    right = hex_digest(event, STAMP)
    other = chance.choice([STAMP, "0", str(int(STAMP) + 1), ""])
    return event, chance.choice(
        [f"t={STAMP},t={other},v1={right}", f"t={other},t={STAMP},v1={right}", f"t={STAMP},v1={right},t={other}"]
    )


@maker
def no_time(chance: random.Random, event: bytes) -> tuple[bytes, str | None]:
    right = hex_digest(event, STAMP)
    return event, chance.choice(
        [f"v1={right}", f"T={STAMP},v1={right}", f" t={STAMP},v1={right}", f"v1={right},time={STAMP}", right]
    )


@maker
def time_no_number(chance: random.Random, event: bytes) -> tuple[bytes, str | None]:
    stamps = [
        "", "now", "1e9", f"-{STAMP}", f"+{STAMP}", f" {STAMP}", f"{STAMP} ", f"{STAMP}.0", f"{STAMP}\n",
        f"000{STAMP}", "9" * 12, "9" * 400, "NaN", "infinity", "'; select 1; --",
        "".join(chr(0x0660 + int(digit)) for digit in STAMP),
        "".join(chr(0xFF10 + int(digit)) for digit in STAMP),
    ]  # fmt: skip
    stamp = chance.choice(stamps)
    return event, header(hex_digest(event, stamp), stamp=stamp)


@maker
def time_of_another(chance: random.Random, event: bytes) -> tuple[bytes, str | None]:
    """Signed long ago, with today's time written in front."""
    return event, header(hex_digest(event, str(int(STAMP) - chance.randrange(1, 10**8))))


@maker
def one_byte_changed(chance: random.Random, event: bytes) -> tuple[bytes, str | None]:
    at = chance.randrange(len(event))
    changed = bytearray(event)
    changed[at] ^= 1 << chance.randrange(8)
    return bytes(changed), sign(event)


@maker
def one_byte_more_or_less(chance: random.Random, event: bytes) -> tuple[bytes, str | None]:
    at = chance.randrange(len(event))
    bodies = [
        event + b"\n",
        b" " + event,
        b"\xef\xbb\xbf" + event,
        event[:at] + event[at + 1 :],
        event[:at] + b" " + event[at:],
    ]
    return chance.choice(bodies), sign(event)


@maker
def written_anew(chance: random.Random, event: bytes) -> tuple[bytes, str | None]:
    """The same JSON in other bytes: spaces, order of keys, escapes."""
    parsed = json.loads(event)
    shuffled = dict(chance.sample(list(parsed.items()), len(parsed)))
    escaped = event.replace(b'"usd"', b'"\\u0075sd"')
    bodies = [
        json.dumps(parsed, separators=(",", ":")).encode(),
        json.dumps(parsed, indent=chance.randrange(1, 9)).encode(),
        json.dumps(parsed, sort_keys=True).encode(),
        json.dumps(shuffled, separators=(", ", " : ")).encode(),
        escaped,
    ]
    return chance.choice([body for body in bodies if body != event]), sign(event)


@maker
def figures_changed(chance: random.Random, event: bytes) -> tuple[bytes, str | None]:
    parsed = json.loads(event)
    parsed["data"]["object"]["amount_received"] = chance.randrange(10**9)
    parsed["id"] = f"evt_{chance.randrange(10**9)}"
    return json.dumps(parsed).encode(), sign(event)


@maker
def other_mode(chance: random.Random, event: bytes) -> tuple[bytes, str | None]:
    """Signed by the right secret, which is one of test mode."""
    parsed = json.loads(event)
    parsed["livemode"] = chance.choice([True, None, "false", 0, 1, "true", [], {}])
    body = json.dumps(parsed).encode()
    return body, sign(body)


@maker
def mode_left_out(chance: random.Random, event: bytes) -> tuple[bytes, str | None]:
    parsed = json.loads(event)
    del parsed["livemode"]
    body = json.dumps(parsed).encode()
    return body, sign(body)


@maker
def of_another_body(chance: random.Random, event: bytes) -> tuple[bytes, str | None]:
    return event, sign(chance.choice([b"", b"{}", event[:-1], event * 2, event.upper(), chance.randbytes(50)]))


@maker
def upper_case(chance: random.Random, event: bytes) -> tuple[bytes, str | None]:
    return event, header(hex_digest(event, STAMP).upper())


@maker
def truncated(chance: random.Random, event: bytes) -> tuple[bytes, str | None]:
    whole = sign(event)
    return event, chance.choice([whole[: chance.randrange(len(whole))], whole[chance.randrange(1, len(whole)) :]])


@maker
def lengthened(chance: random.Random, event: bytes) -> tuple[bytes, str | None]:
    right = hex_digest(event, STAMP)
    return event, header(
        chance.choice([f"{right}0", f"{right} ", f"0{right}", f"0x{right}", right * 2, f"={right}", f"{right}\t"])
    )


@maker
def huge_header(chance: random.Random, event: bytes) -> tuple[bytes, str | None]:
    filling = chance.choice([",v1=" + "0" * 64, ",x=y", ",", " "]) * chance.randrange(5_000, 20_000)
    return event, chance.choice([sign(event) + filling, filling + sign(event)])[:200_000]


@maker
def twenty_signatures(chance: random.Random, event: bytes) -> tuple[bytes, str | None]:
    """Even with the right one among them: nobody has that many secrets."""
    digests = [random_digest(chance) for _ in range(19)]
    digests.insert(chance.randrange(20), hex_digest(event, STAMP))
    return event, f"t={STAMP}," + ",".join(f"v1={digest}" for digest in digests)


@maker
def nul_bytes(chance: random.Random, event: bytes) -> tuple[bytes, str | None]:
    at = chance.randrange(len(event))
    return chance.choice([event + b"\0", b"\0" + event, event[:at] + b"\0" + event[at:]]), sign(event)


@maker
def injected(chance: random.Random, event: bytes) -> tuple[bytes, str | None]:
    """What a header may be taken apart into by a careless reader."""
    right, stamp = hex_digest(event, STAMP), STAMP
    return event, chance.choice(
        [
            f"t={stamp}\r\nStripe-Signature: v1={right}",
            f"t={stamp};v1={right}",
            f"t={stamp} v1={right}",
            f"t={stamp}, v1={right}",
            f"t = {stamp},v1 = {right}",
            f't="{stamp}",v1="{right}"',
            f"t={stamp},v1={right[:32]},v1={right[32:]}",
            f"t={stamp}\n,v1={right}",
            f"t={stamp},v1={right}\n",
            f"t={stamp},v1='{right}' or true",
            f"t={stamp},v1=%",
            f"t={stamp},v1=" + "_" * 64,
            f"t={stamp},v1=\\x{right}",
        ]
    )


@maker
def other_algorithms(chance: random.Random, event: bytes) -> tuple[bytes, str | None]:
    signed = f"{STAMP}.".encode() + event
    key = SECRET.encode()
    right = hmac.new(key, signed, hashlib.sha256)
    digests = [
        hashlib.sha256(key + signed).hexdigest(),
        hashlib.sha256(signed).hexdigest(),
        hmac.new(key, signed, hashlib.sha512).hexdigest(),
        hmac.new(key, signed, hashlib.sha512).hexdigest()[:64],
        hmac.new(key, signed, hashlib.sha1).hexdigest(),
        hmac.new(key, event, hashlib.sha256).hexdigest(),
        hmac.new(key, STAMP.encode() + event, hashlib.sha256).hexdigest(),
        hmac.new(signed, key, hashlib.sha256).hexdigest(),
        base64.b64encode(right.digest()).decode(),
        right.digest()[::-1].hex(),
        "0" * 64,
        "f" * 64,
    ]
    return event, header(chance.choice(digests))
