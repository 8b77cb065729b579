"""How to sample, and when to stop."""

from dataclasses import dataclass

from textus.errors import RecipeError


@dataclass(frozen=True, kw_only=True)
class SampleConfig:
    """How the next token is chosen, and where a text ends."""

    max_new_tokens: int = 256
    """Tokens to write after the prompt, at most."""
    temperature: float = 0.8
    """Below 1 prefers likely tokens more, above 1 less; 0 always takes the most likely one."""
    top_k: int | None = None
    """Choose among so many of the most likely tokens (Fan et al. 2018)."""
    top_p: float | None = None
    """Choose among the likeliest that together reach this probability (Holtzman et al. 2020)."""
    min_p: float | None = None
    """Choose among tokens at least this share as likely as the likeliest (Nguyen et al. 2025)."""
    seed: int | None = None
    """The same seed gives the same text for the same prompt; unset: another text each time."""
    stop: tuple[str, ...] = ()
    """Texts that end the writing; they are not printed themselves."""
    truncate_prompt: bool = False
    """Of a prompt that is longer than the model's context read the end, instead of refusing it."""

    def __post_init__(self) -> None:
        if self.max_new_tokens < 1:
            raise RecipeError(f"max_new_tokens={self.max_new_tokens} must be at least 1")
        if self.temperature != 0 and not 1e-6 <= self.temperature < float("inf"):
            raise RecipeError(
                f"temperature={self.temperature} must be 0 (always the most likely token) or at "
                "least 0.000001; usual are 0.7 to 1"
            )
        if self.top_k is not None and self.top_k < 1:
            raise RecipeError(f"top_k={self.top_k} must be at least 1; leave it out for no limit")
        if self.top_p is not None and not 0 < self.top_p <= 1:
            raise RecipeError(f"top_p={self.top_p} must be above 0 and at most 1, such as 0.95")
        if self.min_p is not None and not 0 <= self.min_p <= 1:
            raise RecipeError(f"min_p={self.min_p} must be between 0 and 1, such as 0.05")
        if self.seed is not None and self.seed < 0:
            raise RecipeError(f"seed={self.seed} is negative; use 0 or more")
        if "" in self.stop:
            raise RecipeError("stop holds an empty text, which would end every text at once")
