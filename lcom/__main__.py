"""`python -m lcom`: the command `lcom`."""

import sys

from lcom.cli import main

sys.exit(main())
