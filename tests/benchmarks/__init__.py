"""Benchmarks: ratios against peers and floors, measured side by side. Run all with ``python -m tests.benchmarks``."""
