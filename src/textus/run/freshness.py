"""Which finished stages were made from something that has been made again since."""

from collections.abc import Mapping

from textus.store import Manifest


def outdated(manifests: Mapping[str, Manifest]) -> dict[str, list[str]]:
    """The finished stages with inputs that have changed since, and the names of these inputs.

    `manifests` holds those of the finished stages of a run, by the stages' names. An input that is
    no stage, or is not finished, is not looked at. A stage that reads an outdated one is itself
    outdated only once that one has been made again.
    """
    changed = {
        stage: [
            name
            for name, digest in manifest.inputs.items()
            if name in manifests and manifests[name].digest != digest
        ]
        for stage, manifest in manifests.items()
    }
    return {stage: names for stage, names in changed.items() if names}
