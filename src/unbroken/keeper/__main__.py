"""`python -m unbroken.keeper` is the keeper as a process."""

from unbroken.keeper.process import main

raise SystemExit(main())
