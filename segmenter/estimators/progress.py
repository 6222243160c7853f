"""What a verbose fit prints."""

from __future__ import annotations

from dataclasses import dataclass

from segmenter.mixture.em import Fit


@dataclass
class Progress:
    """Counts iterations, of all starts together, and prints every few of them."""

    interval: int
    n_iterations: int = 0

    def __call__(self) -> None:
        """Count one more iteration."""
        self.n_iterations += 1
        if self.n_iterations % self.interval == 0:
            print(f"iteration {self.n_iterations}")

    def finish(self, found: Fit, *, with_bound: bool) -> None:
        """Print how the best run ended."""
        bound = f", lower bound {found.objective:.6g} nats per sample" if with_bound else ""
        print(f"{found.trace.stop} after {found.trace.n_iterations} iterations{bound}")
