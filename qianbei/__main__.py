"""``python -m qianbei``."""

from qianbei.cli import main

if __name__ == "__main__":
    main()
