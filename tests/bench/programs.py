"""Finds the programs that are measured. It does not know how they are called."""

import os
import shutil
from pathlib import Path

OWN_HELP = "its program [target/release/orchestrate, else from PATH]"


def find(name, given=None, peers=()):
    """Returns the path of a program or None: where it was `given`, else in a folder of `peers` (or a virtual
    environment in one), else on PATH."""
    if given:
        return str(Path(given).resolve())
    places = [place for top in peers for place in [Path(top), *sorted(Path(top).glob("*"))]]
    folders = [str(f) for place in places for f in (place, place / "bin")]
    if name == "orchestrate":
        root = Path(__file__).resolve().parent.parent.parent
        folders.insert(0, str(root / "target/release"))
    return shutil.which(name, path=os.pathsep.join([*folders, os.environ.get("PATH", "")]))


def own(given):
    """Returns the path of orchestrate, or ends with a line that says how to get it."""
    program = find("orchestrate", given)
    if program is None:
        raise SystemExit("orchestrate: not found; build it with `cargo build --release` or name it by --orchestrate")
    return program
