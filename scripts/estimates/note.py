"""docs/token-estimates.md, made of kept counts and of what the database says."""

from collections.abc import Callable, Iterable
from decimal import ROUND_CEILING, ROUND_HALF_UP, Decimal
from string import Template

from scripts.estimates.counts import MODELS, Counts, Measured
from scripts.estimates.facts import Choice, Facts
from scripts.estimates.samples import KINDS
from scripts.setup.paths import ROOT, SCRIPTS

FILE = ROOT / "docs" / "token-estimates.md"
TEMPLATE = SCRIPTS / "estimates" / "note.md"
HUNDREDTH = Decimal("0.01")
PACKAGES = "prompts of real packages"
PROSE = KINDS["prose"]
FEW_WORDS = KINDS["short"]

Real = Callable[[Measured], int]


def render(counts: Counts, facts: Facts) -> str:
    """The whole note."""
    kinds = kinds_of(counts)
    now = facts.choices[0]
    bound = ratio(now.longest_octets, facts.max_input_tokens)
    return Template(TEMPLATE.read_text()).substitute(
        tokenizer=counts.tokenizer,
        o200k_models=" and ".join(MODELS["o200k"]),
        cl100k_models=" and ".join(MODELS["cl100k"]),
        octets_per_token=_number(facts.octets_per_token),
        factor=_number(now.factor),
        safe_factor=_number(facts.octets_per_token),
        alert_factor=_number(facts.alert_factor),
        tokens_per_credit=f"{facts.tokens_per_credit:,}",
        max_input_tokens=f"{facts.max_input_tokens:,}",
        bound=bound,
        free_day_usd=_cents(facts.free_day_usd),
        worst_day_usd=_cents(facts.free_day_usd * bound),
        around_first=counts.around_first_message,
        around_next=counts.around_next_message,
        prose_excess=_excess(kinds[PROSE], now),
        kinds=_by_kind(kinds, facts),
        losses=_losses(facts),
        few_words=_few_words(counts, facts),
        choices=_choices(kinds, facts),
        texts=_texts(counts, now),
    )


def kinds_of(counts: Counts) -> dict[str, list[Measured]]:
    """The texts by the name of their kind, in the order of the note; a few words are a matter of their own."""
    packages = [text for text in counts.texts if text.kind is None]
    named = {title: [text for text in counts.texts if text.kind == kind] for kind, title in KINDS.items()}
    kinds = {PACKAGES: packages, **named}
    return {title: texts for title, texts in kinds.items() if texts and title != FEW_WORDS}


def ratio(real: int, estimated: int) -> Decimal:
    """Real ÷ estimated, to the hundredth; above 1 only when the estimate is too low, however little."""
    exact = Decimal(real) / estimated
    return exact.quantize(HUNDREDTH, ROUND_CEILING if real > estimated else ROUND_HALF_UP)


def covering_factor(texts: Iterable[Measured], octets_per_token: Decimal) -> Decimal:
    """The smallest safety factor, to the hundredth, with which no estimate of these texts is too low; at least 1."""
    highest = max(text.highest * octets_per_token / text.octets for text in texts)
    return max(Decimal(1), highest).quantize(HUNDREDTH, ROUND_CEILING)


def is_alerted(real: int, estimated: int, facts: Facts) -> bool:
    """Whether so many input tokens are reported with an alert."""
    return real > estimated * facts.alert_factor


def _by_kind(kinds: dict[str, list[Measured]], facts: Facts) -> str:
    now = facts.choices[0]
    rows = [
        [
            title,
            str(len(texts)),
            _span(texts, now, lambda text: text.o200k),
            _span(texts, now, lambda text: text.cl100k),
            str(covering_factor(texts, facts.octets_per_token)),
            _alerted(texts, facts),
        ]
        for title, texts in kinds.items()
    ]
    head = ["kind of text", "texts", "real ÷ estimated, o200k", "cl100k", "factor that covers it", "alert"]
    return _table(head, rows)


def _span(texts: list[Measured], choice: Choice, real: Real) -> str:
    ratios = [ratio(real(text), choice.estimates[text.octets]) for text in texts]
    low, high = min(ratios), max(ratios)
    shown = f"{low}" if low == high else f"{low} – {high}"
    return f"**{shown}**" if high > 1 else shown


def _highest(texts: list[Measured], choice: Choice) -> Decimal:
    return max(ratio(text.highest, choice.estimates[text.octets]) for text in texts)


def _excess(texts: list[Measured], choice: Choice) -> int:
    """By how many percent these texts are over-estimated at most."""
    highest = max(Decimal(choice.estimates[text.octets]) / min(text.o200k, text.cl100k) for text in texts)
    return int(((highest - 1) * 100).quantize(Decimal(1), ROUND_CEILING))


def _alerted(texts: list[Measured], facts: Facts) -> str:
    alerted = [is_alerted(text.highest, facts.choices[0].estimates[text.octets], facts) for text in texts]
    return "yes" if all(alerted) else "some" if any(alerted) else "–"


def _losses(facts: Facts) -> str:
    rows = [[loss.model, f"{loss.tokens:,}", _cents(loss.usd)] for loss in facts.losses]
    return _table(["model", "tokens beyond the hold", "USD"], rows)


def _few_words(counts: Counts, facts: Facts) -> str:
    rows = []
    for text in counts.texts:
        if text.kind is not None and KINDS[text.kind] == FEW_WORDS:
            real = text.highest + counts.around_first_message
            estimated = facts.choices[0].estimates[text.octets]
            alert = "yes" if is_alerted(real, estimated, facts) else "–"
            rows.append([f"{text.octets} octets", str(estimated), str(real), alert])
    return _table(["input", "estimated", "real", "alert"], rows)


def _choices(kinds: dict[str, list[Measured]], facts: Facts) -> str:
    rows = [
        [
            _number(choice.factor) + (" (now)" if choice is facts.choices[0] else ""),
            f"{choice.longest_octets:,}",
            _span(kinds[PROSE], choice, lambda text: text.highest),
            str(max(_highest(texts, choice) for texts in kinds.values())),
            f"{sum(_highest(texts, choice) > 1 for texts in kinds.values())} of {len(kinds)} kinds",
        ]
        for choice in facts.choices
    ]
    head = [
        "`token_estimate_factor`",
        "longest input, octets",
        "real ÷ estimated, English prose",
        "highest",
        "under-estimated",
    ]
    return _table(head, rows)


def _texts(counts: Counts, now: Choice) -> str:
    rows = []
    for text in counts.texts:
        estimated = now.estimates[text.octets]
        figures = [text.octets, estimated, text.o200k, text.cl100k]
        ratios = [ratio(text.o200k, estimated), ratio(text.cl100k, estimated)]
        rows.append([text.label, *(f"{figure:,}" for figure in figures), *map(str, ratios)])
    head = ["text", "octets", "estimated", "o200k", "cl100k", "real ÷ estimated, o200k", "cl100k"]
    return _table(head, rows)


def _number(value: Decimal) -> str:
    return f"{value.normalize():f}"


def _cents(usd: Decimal) -> str:
    return f"{usd.quantize(HUNDREDTH, ROUND_HALF_UP)}"


def _table(head: list[str], rows: Iterable[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
