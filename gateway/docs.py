"""The OpenAPI document as one page for people: no script, nothing fetched from elsewhere."""

from html import escape
from typing import Any

STYLE = """
body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1c2430;background:#fff}
h1{margin-bottom:0}h2{margin-top:3rem;border-bottom:2px solid #d5dbe3;text-transform:capitalize}
a{color:#0b57c2}details{overflow-x:auto;border:1px solid #d5dbe3;border-radius:6px;margin:.5rem 0;padding:.4rem .8rem}
summary{cursor:pointer}code{overflow-wrap:anywhere;font:14px/1.4 ui-monospace,monospace}
.method{display:inline-block;min-width:4.5rem;font-weight:700}
table{border-collapse:collapse;margin:.5rem 0;width:100%}
td,th{text-align:left;vertical-align:top;padding:.25rem .6rem;border-bottom:1px solid #e8ecf1}
th{font-weight:600}.about{color:#55606f}
@media(prefers-color-scheme:dark){body{background:#12161c;color:#e4e8ee}
h2,details,td,th{border-color:#303a47}.about{color:#9aa6b5}a{color:#8ab8ff}}
"""


def render(document: dict[str, Any]) -> bytes:
    """The page. Takes the OpenAPI document as plain values."""
    info = document["info"]
    schemas = document["components"]["schemas"]
    sections: dict[str, list[str]] = {}
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            sections.setdefault(operation["tags"][0], []).append(_operation(method, path, operation, schemas))
    body = "".join(f"<h2>{escape(tag)}</h2>{''.join(parts)}" for tag, parts in sections.items())
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(info["title"])}</title>'
        f'<meta name="viewport" content="width=device-width"><style>{STYLE}</style></head><body>'
        f"<h1>{escape(info['title'])} {escape(info['version'])}</h1>"
        f'<p class="about">{_text(info["description"])}</p>'
        f'<p class="about">For programs: <a href="/openapi.json">/openapi.json</a></p>{body}</body></html>'
    ).encode()


def _operation(method: str, path: str, operation: dict[str, Any], schemas: dict[str, Any]) -> str:
    parts = [f'<p class="about">{_caller(operation["security"])}</p>']
    if operation["parameters"]:
        rows = [
            (_code(parameter["name"]), parameter["in"], _kind(parameter["schema"], schemas), _about(parameter))
            for parameter in operation["parameters"]
        ]
        parts.append(_table(("parameter", "in", "type", ""), rows))
    if "requestBody" in operation:
        parts.append(_fields("body", operation["requestBody"]["content"]["application/json"]["schema"], schemas))
    for status, response in operation["responses"].items():
        schema = response.get("content", {}).get("application/json", {}).get("schema")
        if status.startswith("2") and schema is not None:
            parts.append(_fields("answer", schema, schemas))
    rows = [
        (_code(status), _text(response["description"]), ", ".join(map(_code, response.get("content", {}))))
        for status, response in operation["responses"].items()
    ]
    parts.append(_table(("status", "meaning", "as"), rows))
    heading = f'<span class="method">{method.upper()}</span> {_code(path)} {escape(operation["summary"])}'
    return f'<details id="{escape(operation["operationId"])}"><summary>{heading}</summary>{"".join(parts)}</details>'


def _caller(security: list[dict[str, Any]]) -> str:
    if not security:
        return "Open to all."
    schemes = {name for choice in security for name in choice}
    if "cron" in schemes:
        return "With the operator's cron token."
    return "Open to all; shows more to a known user." if {} in security else "With an access token or an API key."


def _fields(title: str, schema: dict[str, Any], schemas: dict[str, Any]) -> str:
    resolved = _resolve(schema, schemas)
    required = set(resolved.get("required", ()))
    rows = [
        (_code(name), "required" if name in required else "", _kind(field, schemas), _about(field))
        for name, field in resolved.get("properties", {}).items()
    ]
    return _table((title, "", "type", ""), rows) if rows else ""


def _kind(schema: dict[str, Any], schemas: dict[str, Any]) -> str:
    if "$ref" in schema:
        fields = _resolve(schema, schemas).get("properties", {})
        return "{" + ", ".join(escape(name) for name in fields) + "}"
    if "anyOf" in schema:
        return " or ".join(_kind(choice, schemas) for choice in schema["anyOf"])
    if "enum" in schema:
        return " or ".join(_code(str(value)) for value in schema["enum"])
    if schema.get("type") == "array":
        return f"list of {_kind(schema.get('items', {}), schemas)}"
    limits = [
        f"{words} {schema[name]}"
        for name, words in (
            ("minimum", "from"),
            ("maximum", "to"),
            ("minLength", "at least"),
            ("maxLength", "at most"),
        )
        if name in schema
    ]
    kind = schema.get("format", schema.get("type", "any"))
    name = " or ".join(kind) if isinstance(kind, list) else str(kind)
    return escape(" ".join([name, *limits]))


def _about(schema: dict[str, Any]) -> str:
    choices = [schema, *schema.get("anyOf", ()), schema.get("schema", {})]
    return next((_text(choice["description"]) for choice in choices if "description" in choice), "")


def _resolve(schema: dict[str, Any], schemas: dict[str, Any]) -> dict[str, Any]:
    return schemas[schema["$ref"].rsplit("/", 1)[-1]] if "$ref" in schema else schema


def _table(heads: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    head = "".join(f"<th>{escape(name)}</th>" for name in heads)
    body = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table><tr>{head}</tr>{body}</table>"


def _code(text: str) -> str:
    return f"<code>{escape(text)}</code>"


def _text(text: str) -> str:
    """Escaped, with `…` as code."""
    pieces = escape(text).split("`")
    return "".join(f"<code>{piece}</code>" if index % 2 else piece for index, piece in enumerate(pieces))
