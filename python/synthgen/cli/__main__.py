"""`python -m synthgen.cli`."""

import sys

from . import main

sys.exit(main())
