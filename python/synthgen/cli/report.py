"""`synthgen report DIR [DIR2 ...]`: the page of an evaluation, or of several, compared."""

from __future__ import annotations

import argparse
from pathlib import Path

from ..errors import param_error


def add(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the verb."""
    verb = verbs.add_parser(
        "report",
        allow_abbrev=False,
        help="a page of what an evaluation found, or of several, compared",
        description="Write one HTML file that shows runs of `synthgen evaluate` and their samples, and the scaling "
        "curves as a PNG file; print the summaries, and the comparison of each run with the first. Runs that are not "
        "finished are shown as far as they are.",
    )
    verb.add_argument("directories", nargs="+", metavar="DIR", help="directories of runs")
    verb.add_argument(
        "--output", metavar="FILE.html", help="the page (report.html or comparison.html in the first DIR)"
    )
    verb.add_argument("--samples", type=int, default=2000, help="questions whose answers the page shows (2000)")
    verb.add_argument("--no-figures", action="store_true", help="no PNG file, which needs matplotlib")
    verb.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Write the report, and print what it says."""
    from ..checks import extra
    from ..evaluate import comparison, summary
    from ..evaluate.reporting import report

    if args.output and Path(args.output).suffix.lower() not in (".html", ".htm"):
        raise param_error(None, "--output", args.output, "allowed: a file that ends in .html")
    if not args.no_figures:
        extra("matplotlib", "eval")
    made = report(args.directories, args.output, samples=args.samples, figures=not args.no_figures)
    for one in made.runs:
        print(summary.console(one.summary, one.directory))
    names = {one.directory: summary.printable(one.name) for one in made.runs}
    for pair in made.comparisons:
        print(comparison.console(pair, (names[pair.first], names[pair.second])))
    for note in made.notes:
        print(note)
    print(f"saved_report={made.page}")
    for figure in made.figures:
        print(f"saved_plot={figure}")
    return 0
