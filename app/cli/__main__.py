"""`python -m app.cli`, the same as `backstory`."""

from app.cli.main import main

main()
