"""One JSON object a line on standard output. Never a prompt, token, key, query string or the text of an error."""

import logging
import sys
from pathlib import PurePath
from types import TracebackType
from typing import Any

import msgspec
import structlog
from structlog.typing import EventDict, WrappedLogger

LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}
_encoder = msgspec.json.Encoder(enc_hook=str)


def configure_logs(level: str) -> None:
    """Set up structlog, and send what libraries log (from warnings up) the same way."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
            _render,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(LEVELS[level]),
        logger_factory=structlog.BytesLoggerFactory(sys.stdout.buffer),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(handlers=[_Forward()], level=logging.WARNING, force=True)


def where(error: BaseException) -> dict[str, Any]:
    """What may be logged of an unexpected error: its type and the lines it came through. Its text may quote people."""
    return {"reason": type(error).__name__, "trace": _lines(error.__traceback__)}


def _lines(trace: TracebackType | None) -> list[str]:
    lines = []
    while trace is not None:
        code = trace.tb_frame.f_code
        lines.append(f"{PurePath(code.co_filename).name}:{trace.tb_lineno} {code.co_name}")
        trace = trace.tb_next
    return lines[-12:]


def _render(_: WrappedLogger, __: str, event: EventDict) -> bytes:
    return _encoder.encode(event)


class _Forward(logging.Handler):
    """Hands the records of libraries on: who and where, with the message's template but not what was put into it."""

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        structlog.get_logger().log(
            record.levelno, "library", logger=record.name, template=str(record.msg), **(where(error) if error else {})
        )
