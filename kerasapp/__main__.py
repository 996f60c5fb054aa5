"""`python -m kerasapp`, the same as the command `kerasapp`."""

from kerasapp.cli import main

if __name__ == "__main__":
    main()
