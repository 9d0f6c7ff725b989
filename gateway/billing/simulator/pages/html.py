"""HTML in small pieces. Whatever comes from outside goes through `escape`, here or where a piece is made."""

from collections.abc import Iterable
from datetime import UTC, datetime
from html import escape
from typing import Any

from aiohttp import web

__all__ = ["button", "card_fields", "day", "every", "hidden", "message", "money", "page", "rows", "table"]

STYLE = """
:root{color-scheme:light dark}
body{font:16px/1.5 system-ui,sans-serif;margin:0;background:#f4f6fa;color:#1c2333}
main{max-width:30rem;margin:2rem auto;padding:1.5rem 2rem 2rem;background:#fff;border-radius:12px;
box-shadow:0 1px 8px #1c233322}
main.wide{max-width:64rem}
.banner{background:#ffe08a;color:#3d2f00;padding:.5rem 1rem;text-align:center;font-weight:600}
h1{font-size:1.4rem;margin:.2rem 0 1rem}h2{font-size:1.1rem;margin:1.8rem 0 .5rem}
table{width:100%;border-collapse:collapse}td,th{text-align:left;padding:.4rem .5rem .4rem 0;vertical-align:top;
border-bottom:1px solid #8883}
label{display:block;margin:.7rem 0;font-weight:600}
input{display:block;width:100%;box-sizing:border-box;padding:.55rem .7rem;font:inherit;border:1px solid #8a93a6;
border-radius:6px;margin-top:.2rem}
input.small{display:inline-block;width:6rem;margin:0 .3rem 0 0;padding:.25rem .4rem}
button{font:inherit;font-weight:600;padding:.55rem 1.1rem;margin:.4rem .5rem 0 0;border:0;border-radius:6px;
background:#4b3fd8;color:#fff;cursor:pointer}
button.plain{background:#e4e7ef;color:#1c2333}td button{padding:.25rem .6rem;margin:0 .2rem .2rem 0}
.error{background:#fde3e3;color:#7d1010;padding:.6rem .9rem;border-radius:6px}
.done{background:#dff5e3;color:#0d4a1c;padding:.6rem .9rem;border-radius:6px}
.two{display:flex;gap:1rem}.two>*{flex:1}small,.quiet{color:#667085}code{font-size:.85em;word-break:break-all}
@media(prefers-color-scheme:dark){body{background:#12151d;color:#e8eaf0}main{background:#1d222e}
input{background:#12151d;color:inherit}button.plain{background:#39415a;color:#e8eaf0}}
"""
HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


def page(title: str, body: str, *, status: int = 200, is_wide: bool = False) -> web.Response:
    """`body` is HTML already."""
    text = (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f'<meta name="viewport" content="width=device-width,initial-scale=1"><style>{STYLE}</style></head><body>'
        f'<div class="banner">Simulated Stripe: no money moves</div><main{" class=wide" if is_wide else ""}>'
        f"<h1>{escape(title)}</h1>{body}</main></body></html>"
    )
    return web.Response(text=text, content_type="text/html", status=status, headers=HEADERS)


def message(text: str | None, kind: str = "error") -> str:
    return f'<p class="{kind}" role="alert">{escape(text)}</p>' if text else ""


def money(amount: int, currency: str) -> str:
    """An amount in the smallest unit, as people write it."""
    sign, whole, part = "-" if amount < 0 else "", abs(amount) // 100, abs(amount) % 100
    shown = f"{sign}${whole:,}.{part:02}"
    return shown if currency == "usd" else f"{shown} {currency.upper()}"


def day(instant: int | None) -> str:
    """A day in UTC, such as 3 May 2027."""
    if instant is None:
        return "–"
    moment = datetime.fromtimestamp(instant, UTC)
    return f"{moment.day} {moment:%B %Y}"


def every(price: dict[str, Any]) -> str:
    """How often a recurring price is paid: every month, every 3 months."""
    recurring = price["recurring"]
    count, interval = recurring["interval_count"], recurring["interval"]
    return f"every {interval}" if count == 1 else f"every {count} {interval}s"


def hidden(name: str, value: str) -> str:
    return f'<input type="hidden" name="{escape(name)}" value="{escape(value)}">'


def button(action: str, text: str, *, is_plain: bool = False) -> str:
    style = ' class="plain"' if is_plain else ""
    return f'<button name="action" value="{escape(action)}"{style}>{escape(text)}</button>'


def rows(pairs: Iterable[tuple[str, str]]) -> str:
    """A table of two columns; the second is HTML already."""
    return (
        "<table>" + "".join(f"<tr><td>{escape(name)}</td><td>{value}</td></tr>" for name, value in pairs) + "</table>"
    )


def table(heads: Iterable[str], lines: Iterable[Iterable[str]]) -> str:
    """Cells are HTML already."""
    top = "".join(f"<th>{escape(head)}</th>" for head in heads)
    below = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in line) + "</tr>" for line in lines)
    return f"<table><tr>{top}</tr>{below}</table>"


def card_fields() -> str:
    """The number is never filled in again: it is not to be found in a page."""
    return (
        '<label>Card number<input name="number" inputmode="numeric" autocomplete="off" '
        'placeholder="4242 4242 4242 4242" required></label><div class="two">'
        '<label>Expires<input name="expires" value="12/34" autocomplete="off" required></label>'
        '<label>CVC<input name="cvc" value="123" autocomplete="off" inputmode="numeric" required></label></div>'
        "<p><small>4242 4242 4242 4242 pays · 4000 0000 0000 0002 is declined · 4000 0000 0000 9995 lacks funds · "
        "4000 0000 0000 0341 is declined later · 4000 0000 0000 0259 is disputed</small></p>"
    )
