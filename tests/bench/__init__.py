"""Benchmarks: every figure is a ratio within one run, beside its peer. See docs/benchmarks.md."""
