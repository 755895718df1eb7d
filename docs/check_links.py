"""Check that every relative link of the prose leads to a file: `python docs/check_links.py`."""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def broken(page: Path) -> list[str]:
    """Links of a page that lead nowhere."""
    targets = re.findall(r"\]\(([^)#\s]+)(?:#[^)\s]*)?\)", page.read_text())
    return [target for target in targets if "://" not in target and not (page.parent / target).exists()]


def pages() -> list[Path]:
    """All pages of prose."""
    return [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]


if __name__ == "__main__":
    wrong = [f"{page.relative_to(ROOT)}: {target}" for page in pages() for target in broken(page)]
    print("\n".join(wrong) or f"{len(pages())} pages, no broken link")
    sys.exit(bool(wrong))
