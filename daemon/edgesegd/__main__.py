"""`python -m edgesegd`."""

import sys

from edgesegd.cli.main import main

sys.exit(main())
