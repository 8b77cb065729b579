"""Learning-rate schedules, as a factor of the peak."""

from textus.train.config import TrainConfig


def learning_rate_factor(step: int, config: TrainConfig) -> float:
    """Warm-up, stable, decay (Hu et al. 2024): up from 0 to 1, level, down to 0, all linear.

    `step` counts from 0; the first step has already left 0, and the last has not reached it.
    """
    decay_steps = config.decay_share * config.steps
    rising = (step + 1) / (config.warmup_steps + 1)
    falling = (config.steps - step) / decay_steps if decay_steps else 1.0
    return min(1.0, rising, falling)
