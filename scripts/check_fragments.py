"""Check the names and the content of the changelog fragments."""

from __future__ import annotations

import re
import sys
from pathlib import Path

NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*\.(feature|change|fix)\.md")


def main() -> int:
    problems = []
    for path in sorted(Path("changelog.d").iterdir()):
        if path.name == "README.md":
            continue
        if not NAME.fullmatch(path.name):
            problems.append(f"{path}: the name is not <words>.(feature|change|fix).md")
        problems += [
            f"{path}:{number}: one whole sentence a line"
            for number, line in enumerate(path.read_text().splitlines(), 1)
            if line and not line.endswith(".")
        ]
    print("\n".join(problems))
    return bool(problems)


if __name__ == "__main__":
    sys.exit(main())
