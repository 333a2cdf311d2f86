"""What the command line asks of the benches."""

from pathlib import Path

import msgspec


class Options(msgspec.Struct, frozen=True):
    """A quick run takes a minute and is coarse: for developing, not for figures."""

    quick: bool = False
    data: list[Path] = []
    """Data sets of evidence recall: .jsonl.gz, see docs/benchmarks.md."""

    large: int | None = None
    """Memories of the large project of the bench `million`."""

    @property
    def large_memories(self) -> int:
        return self.large or (100_000 if self.quick else 1_000_000)

    @property
    def rounds(self) -> int:
        return 3 if self.quick else 7

    @property
    def calls(self) -> int:
        """Of each way in a round."""
        return 20 if self.quick else 60

    @property
    def load_seconds(self) -> float:
        return 1.0 if self.quick else 3.0

    @property
    def memories(self) -> int:
        """Of one user, for recall."""
        return 1_000 if self.quick else 10_000
