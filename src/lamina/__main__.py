# SPDX-License-Identifier: Apache-2.0
"""`python -m lamina`: the command line."""

import sys

from lamina.cli import main

sys.exit(main())
