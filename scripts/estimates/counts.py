"""The counts that are kept beside the tests, so that these need neither npm nor a network."""

import msgspec

from scripts.estimates.samples import FOLDER, Sample
from scripts.estimates.tokenizer import PACKAGE, VERSION, Counted

FILE = FOLDER.parent / "counts.json"
# Models on offer by encoding; those of other providers publish no tokenizer.
MODELS = {"o200k": ("gpt-4o", "gpt-4o-mini"), "cl100k": ("gpt-4-turbo",)}
MEASURED_MODELS = [model for models in MODELS.values() for model in models]


class Measured(msgspec.Struct, frozen=True, kw_only=True):
    """One text: its octets of UTF-8 and its tokens. `kind` as in samples.KINDS, None for the prompt of a package."""

    kind: str | None
    name: str
    octets: int
    sha256: str
    o200k: int
    cl100k: int

    @property
    def label(self) -> str:
        return f"{self.kind}/{self.name}" if self.kind else self.name

    @property
    def highest(self) -> int:
        return max(self.o200k, self.cl100k)


class Counts(msgspec.Struct, frozen=True, kw_only=True):
    """All texts, and the tokens a conversation has around its first message and around each further one."""

    tokenizer: str
    around_first_message: int
    around_next_message: int
    texts: list[Measured]


def counts_of(samples: list[Sample], counted: Counted) -> Counts:
    texts = [
        Measured(
            kind=sample.kind,
            name=sample.name,
            octets=sample.octets,
            sha256=sample.sha256,
            o200k=o200k,
            cl100k=cl100k,
        )
        for sample, (o200k, cl100k) in zip(samples, counted.counts, strict=True)
    ]
    first, following = counted.framing
    return Counts(
        tokenizer=f"{PACKAGE} {VERSION}", around_first_message=first, around_next_message=following, texts=texts
    )


def read_counts() -> Counts:
    return msgspec.json.decode(FILE.read_bytes(), type=Counts)


def with_kept_packages(counts: Counts, kept: Counts) -> Counts:
    """Packages measured earlier stay unless they were measured again: their archives are not part of the checkout."""
    measured = {text.name for text in counts.texts}
    packages = [text for text in kept.texts if text.kind is None and text.name not in measured]
    ordered = sorted([text for text in counts.texts if text.kind is None] + packages, key=lambda text: text.name)
    samples = [text for text in counts.texts if text.kind is not None]
    return msgspec.structs.replace(counts, texts=samples + ordered)


def write_counts(counts: Counts) -> None:
    """One text a line, so that a change of one sample is a change of one line."""
    head = msgspec.to_builtins(counts)
    texts = ",\n  ".join(msgspec.json.encode(text).decode() for text in head.pop("texts"))
    fields = [f'"{name}": {msgspec.json.encode(value).decode()}' for name, value in head.items()]
    FILE.write_text("{\n" + ",\n".join(fields) + ',\n"texts": [\n  ' + texts + "\n]\n}\n")
