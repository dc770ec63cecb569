"""What `plugfest pki` does: `plugfest.certificates` does the work; here its errors become one line."""

from __future__ import annotations

import argparse
from pkgutil import resolve_name

from pki.errors import PkiError
from plugfest.errors import UserError


def run(args: argparse.Namespace) -> int:
    """Runs ``args.work``, a ``module.function`` of `plugfest.certificates`; returns the exit code."""
    try:
        code: int = resolve_name("plugfest.certificates." + args.work.replace(".", ":"))(args)
    except PkiError as why:
        raise UserError(str(why)) from why
    except BrokenPipeError:
        raise
    except OSError as why:
        place = f"{why.filename}: " if why.filename else ""
        raise UserError(f"{place}{why.strerror or why}") from why
    return code
