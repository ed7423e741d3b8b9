"""Makes the component: `python3 build.py`. The first time it fetches the compiler into `.venv`; later it needs no network."""

import os
import pathlib
import re
import shutil
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
VENV = HERE / ".venv"
PYTHON = VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
COMPILER = PYTHON.with_name("componentize-py")
REQUIREMENTS = HERE / "requirements.txt"
INSTALLED = VENV / "installed.txt"


def main() -> None:
    if sys.version_info < (3, 10):
        sys.exit(f"this needs Python 3.10 or newer, and here is {sys.version.split()[0]}")
    os.chdir(HERE)
    install()
    name = re.search(r'^name = "([^"]+)"', pathlib.Path("plugin.toml").read_text("utf-8"), re.MULTILINE).group(1)
    output = pathlib.Path("build") / f"{name}.wasm"
    if is_current(output):
        print(f"{output} is up to date")
        return
    output.parent.mkdir(exist_ok=True)
    bindings = output.parent / "bindings"
    shutil.rmtree(bindings, ignore_errors=True)
    compiler("bindings", str(bindings))
    compiler("componentize", "app", "-p", "src", "-o", str(output))
    print(f"{output}, {output.stat().st_size // 1024} KiB")


def install() -> None:
    """Fetches what `requirements.txt` names, unless it is there."""
    wanted = REQUIREMENTS.read_text("utf-8")
    if INSTALLED.exists() and INSTALLED.read_text("utf-8") == wanted:
        return
    print("fetching what requirements.txt names, once", flush=True)
    if subprocess.run([sys.executable, "-m", "venv", "--clear", VENV]).returncode:
        sys.exit("this needs Python's venv, which some systems have in a package of its own (Debian: python3-venv)")
    pip = [PYTHON, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", REQUIREMENTS]
    if subprocess.run(pip).returncode:
        sys.exit("pip install failed: the first build needs the network")
    INSTALLED.write_text(wanted, "utf-8")


def is_current(output: pathlib.Path) -> bool:
    """Whether nothing that the component is made of has changed since: compiling takes a while."""
    inputs = [pathlib.Path(path) for path in ("build.py", "plugin.toml", "requirements.txt", "src", "wit")]
    inputs += [path for folder in ("src", "wit") for path in pathlib.Path(folder).rglob("*") if path.name != "__pycache__"]
    return output.exists() and all(path.stat().st_mtime < output.stat().st_mtime for path in inputs)


def compiler(*arguments: str) -> None:
    done = subprocess.run(
        [COMPILER, "--quiet", "-d", "wit", "-w", "bot", *arguments],
        env={**os.environ, "VIRTUAL_ENV": str(VENV)},
        stderr=subprocess.PIPE,
        text=True,
    )
    if done.returncode:
        sys.exit(explained(done.stderr))


def explained(trouble: str) -> str:
    """What is wrong in the source, without the compiler's inner life."""
    if "called trapping stub: starling:plugin/" in trouble:
        return "app.py calls the host while it is imported: only methods of Handler may"
    return trouble.split("AssertionError: ", 1)[-1].split("\n\nCaused by:", 1)[0].strip()


main()
