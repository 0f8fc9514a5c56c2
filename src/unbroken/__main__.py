"""`python -m unbroken` is the command `unbroken`."""

from unbroken.cli import main

if __name__ == "__main__":
    main()
