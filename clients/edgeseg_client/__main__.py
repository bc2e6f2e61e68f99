"""`python -m edgeseg_client` is the command `edgeseg`."""

import sys

from edgeseg_client.cli import main

sys.exit(main())
