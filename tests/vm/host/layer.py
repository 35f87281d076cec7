"""Packages that only some suites want: a read-only layer on top of the guests' image, made when it is wanted first."""
import tempfile
from pathlib import Path

from . import arch, cache, image
from .cache import RigError
from .system import native

LISTS = Path(__file__).parent.parent / "guest/layers"


def get(name):
    packages = LISTS / name
    if "/" in name or not packages.is_file():
        raise RigError(f"no such layer: {name}; there are: {' '.join(sorted(p.name for p in LISTS.iterdir()))}")
    words = [p for p in packages.read_text(encoding="ascii").split("\n") if p and not p.startswith("#")]
    base = image.get(arch.X86_64)

    def build(layer):
        with tempfile.TemporaryDirectory(dir=layer.parent) as work:
            native([base], work, f"""
                apt-get -q update
                apt-get -q -y install --no-install-recommends {' '.join(words)}
                apt-get -q clean
                rm -rf /var/lib/apt/lists/*
                """)
            cache.ext4_image(Path(work) / "upper", layer, spare_mb=8)

    made = cache.make(f"layer-{name}-{cache.digest(base.name, ' '.join(words), Path(__file__))}.ext4", build,
                      f"the layer {name}")
    cache.prune("layer-*.ext4")
    return made
