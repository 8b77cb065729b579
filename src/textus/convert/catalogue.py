"""The families that are known."""

from textus.convert.families.deepseek import DEEPSEEK_V3
from textus.convert.families.eleuther import GPT_NEO, GPT_NEOX, GPTJ
from textus.convert.families.experts import MIXTRAL, QWEN3_MOE
from textus.convert.families.gemma import GEMMA, GEMMA2, GEMMA3
from textus.convert.families.gpt import GPT, GPT2
from textus.convert.families.gpt_oss import GPT_OSS
from textus.convert.families.llama import LLAMA, MISTRAL
from textus.convert.families.olmo import OLMO2
from textus.convert.families.phi import PHI3
from textus.convert.families.qwen import QWEN2, QWEN3
from textus.convert.family import Family

_KNOWN = (
    GPT,
    GPT2,
    GPT_NEO,
    GPTJ,
    GPT_NEOX,
    GEMMA,
    GEMMA2,
    GEMMA3,
    GPT_OSS,
    LLAMA,
    MISTRAL,
    MIXTRAL,
    QWEN2,
    QWEN3,
    QWEN3_MOE,
    PHI3,
    OLMO2,
    DEEPSEEK_V3,
)
FAMILIES: dict[str, Family] = {family.model_type: family for family in _KNOWN}
"""By model_type, as config.json has it."""
