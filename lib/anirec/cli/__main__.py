"""``python -m anirec.cli`` is the command."""

from anirec.cli import main

main()
