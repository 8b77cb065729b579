import pytest

from textus.convert.catalogue import FAMILIES
from textus.convert.settings import Asked
from textus.errors import ConvertError
from textus.model.presets import make_config


@pytest.mark.parametrize("kind", ["longrope", "su", "yarn"])
def test_long_rope_is_refused_by_name(kind: str):
    family = FAMILIES["phi3"]
    theirs = family.write(make_config("phi3"))
    theirs["rope_scaling"] = {"type": kind, "long_factor": [1.0], "short_factor": [1.0]}
    with pytest.raises(ConvertError, match=rf"scaled by '{kind}' \(LongRoPE\)"):
        family.read(Asked(theirs))
