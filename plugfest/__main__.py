"""``python -m plugfest``."""

import sys

from plugfest.cli import main

sys.exit(main())
