#!/usr/bin/env python3
"""Everything a checkout of Crossdock needs, with nothing but Python: `python3 dev.py COMMAND`.

  demo   [ARGS]       watch a shop trade through the hub          (crossdock demo ARGS)
  test   [ARGS]       run the tests                               (pytest ARGS)
  check  [--fix]      lint, format, types, layers; --fix mends what a machine can
  chaos  [ARGS]       crashes, faults and planted bugs            (chaos --help)
  services [COMMAND]  start the servers that some tests need, for COMMAND or until Ctrl-C
  bench  NAME [ARGS]  run bench/NAME.py; without NAME, list them
  lock   [ARGS]       write requirements/*.txt anew from pyproject.toml (uv pip compile ARGS, e.g. --upgrade)

The first run makes `.venv` from the hashed locks in requirements/; later runs find it ready and need no
network. It is made again when a lock changes. Progress goes to stderr, so stdout is the command's alone.

Exit codes: the command's own; 2 when the environment cannot be made or the usage is wrong.
"""

import sys

# This file parses on Python 3.6 and later, so that an old one goes on with a newer or says what is missing.
if sys.version_info < (3, 11):  # noqa: UP036 - see above
    import os
    import shutil
    import subprocess

    for newer in ("python3.13", "python3.12", "python3.11"):
        if shutil.which(newer) and subprocess.call([newer, "-c", ""], stderr=subprocess.DEVNULL) == 0:
            os.execvp(newer, [newer, *sys.argv])
    print(f"Crossdock needs Python 3.11 or newer; this is {sys.version.split()[0]}.", file=sys.stderr)
    sys.exit(2)

import contextlib
import hashlib
import importlib.util
import json
import os
import shutil
import subprocess
import tempfile
import time
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NoReturn

if os.name != "posix":
    print("Crossdock runs on Linux and macOS; on Windows, run it inside WSL.", file=sys.stderr)
    sys.exit(2)

import fcntl

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
STAMP = VENV / "crossdock-env.json"
PYTHON = VENV / "bin" / "python"

# Published without wheels. Everything else must be a wheel, so that installing it runs nobody's code.
SOURCE_ONLY = ("shopifyapi", "pyactiveresource")
# What each lock is made of, in the order of installation; a later one keeps the versions of the earlier.
LOCKS = {
    "build": ("--group", "build"),
    "run": ("pyproject.toml", "--extra", "sandbox"),
    "dev": ("--group", "dev", "--group", "peers"),
    "peers": ("--group", "peers-from-source", *(f"--no-binary={name}" for name in SOURCE_ONLY)),
}
TO_RUN = ("build", "run")
TO_DEVELOP = tuple(LOCKS)
COOLDOWN = "7 days"  # a release younger than this is not locked: poisoned ones are mostly found within days


# ---- telling a person what goes on -------------------------------------------------------------------------


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def stop(text: str) -> NoReturn:
    say(text)
    sys.exit(2)


def work(what: str, command: Sequence[str | Path], env: dict[str, str] | None = None) -> str:
    """Run a quiet command, showing `what` and the seconds; "" if it went well, else the end of its output."""
    started = time.monotonic()
    live = sys.stderr.isatty()

    def line(end: str, mark: str = "") -> None:
        text = f"  {what} {mark}{time.monotonic() - started:4.0f} s"
        print(f"\r{text}" if live else text, end=end, file=sys.stderr, flush=True)

    with tempfile.TemporaryFile("w+", errors="replace") as output:
        process = subprocess.Popen(
            [str(part) for part in command],
            cwd=ROOT,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        try:
            while True:
                try:
                    process.wait(timeout=1 if live else 15)
                    break
                except subprocess.TimeoutExpired:
                    line("" if live else "\n", "…")
        except BaseException:
            process.terminate()
            process.wait()
            raise
        line("\n", "" if process.returncode == 0 else "FAILED ")
        if process.returncode == 0:
            return ""
        output.seek(0)
        return "\n".join(output.read().strip().splitlines()[-15:]) or f"exit code {process.returncode}"


# ---- the environment ---------------------------------------------------------------------------------------


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def lock_file(name: str) -> Path:
    return ROOT / "requirements" / f"{name}.txt"


def read_stamp() -> dict[str, str] | None:
    """What `.venv` holds: lock name → digest, `project` → pyproject.toml's digest, `root` → its checkout."""
    try:
        stamp = json.loads(STAMP.read_text())
    except (OSError, ValueError):
        return None
    return stamp if isinstance(stamp, dict) else None


def write_stamp(stamp: dict[str, str]) -> None:
    fresh = STAMP.with_suffix(".new")
    fresh.write_text(json.dumps(stamp, indent=1))
    fresh.replace(STAMP)


def why_remake(stamp: dict[str, str]) -> str:
    """Why a stamped environment is of no more use, or "". A lock that it lacks is no reason; it is added."""
    if stamp.get("root") != str(ROOT):
        return "the folder was moved"
    if not PYTHON.exists():
        return "its Python is gone"
    changed = [name for name in LOCKS if name in stamp and stamp[name] != digest(lock_file(name))]
    return f"requirements/{changed[0]}.txt changed" if changed else ""


@contextlib.contextmanager
def alone() -> Iterator[None]:
    """One dev.py at a time prepares the environment; the lock ends with the process, even a killed one."""
    folder = os.open(ROOT, os.O_RDONLY)
    try:
        try:
            fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("  waiting for another dev.py, which is preparing the environment")
            fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def prepare(locks: Sequence[str]) -> None:
    """Make `.venv` hold at least these locks and the project itself, editable. Costs nothing when it does."""
    started = time.monotonic()
    with alone():
        stamp = read_stamp()
        if stamp is None and VENV.exists():
            stop(f"{VENV} was not made by dev.py, so it is left alone. To go on:  mv .venv .venv-old")
        if stamp is not None and why_remake(stamp):
            say(f"Making .venv again: {why_remake(stamp)}.")
            shutil.rmtree(VENV)
            stamp = None
        if stamp is None:
            say("Preparing .venv: once, half a minute or so, at most 90 MB to download.")
            make_venv()
            stamp = {"root": str(ROOT)}
            write_stamp(stamp)
        missing = [name for name in locks if name not in stamp]
        for name in missing:
            count = sum("==" in line for line in lock_file(name).read_text().splitlines())
            options = ["--require-hashes", "--no-deps", "--no-build-isolation", "-r", str(lock_file(name))]
            install(f"installing requirements/{name}.txt, {count} packages", options)
            stamp[name] = digest(lock_file(name))
            write_stamp(stamp)
        if stamp.get("project") != digest(ROOT / "pyproject.toml"):
            options = ["--no-deps", "--no-build-isolation", "--no-index", "-e", str(ROOT)]
            install("installing crossdock itself, editable", options)
            stamp["project"] = digest(ROOT / "pyproject.toml")
            write_stamp(stamp)
        if missing:
            say(f"Ready after {time.monotonic() - started:.0f} s.")


def make_venv() -> None:
    """An empty `.venv`, by the first way that works on this machine."""
    failures = []
    for name, command in ways_to_make_venv():
        shutil.rmtree(VENV, ignore_errors=True)
        failure = work(f"making .venv with {name}", command)
        if not failure:
            return
        failures.append(f"{name}:\n{failure}")
    shutil.rmtree(VENV, ignore_errors=True)
    lack = f"Python {sys.version.split()[0]} at {sys.executable} cannot make a virtual environment here."
    stop("\n\n".join([*failures, f"{lack} Type this line, then the same command again:\n  {cure()}"]))


def ways_to_make_venv() -> Iterator[tuple[str, list[str | Path]]]:
    python = sys.executable
    has_venv = importlib.util.find_spec("venv") is not None
    if has_venv and importlib.util.find_spec("ensurepip"):
        yield "venv", [python, "-m", "venv", VENV]
    if shutil.which("uv"):
        yield "uv", ["uv", "venv", "--python", python, VENV]
    if shutil.which("virtualenv"):
        yield "virtualenv", ["virtualenv", "--python", python, VENV]
    if has_venv and importlib.util.find_spec("pip"):
        yield "venv and the system's pip", [python, "-m", "venv", "--without-pip", VENV]


def cure() -> str:
    """The one line that gives this machine what it lacks."""
    sudo = "" if os.geteuid() == 0 else "sudo "
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    for program, line in (
        ("apt-get", f"apt-get install -y python{version}-venv"),
        ("dnf", "dnf install -y python3-pip"),
        ("zypper", f"zypper install -y python{version.replace('.', '')}-pip"),
        ("apk", "apk add py3-pip"),
        ("pacman", "pacman -S --noconfirm python-pip"),
    ):
        if shutil.which(program):
            return sudo + line
    return f"{sys.executable} -m ensurepip --user"


def installer() -> list[str | Path]:
    if list(VENV.glob("lib/python*/site-packages/pip/__main__.py")):
        return [PYTHON, "-m", "pip", "install"]
    if shutil.which("uv"):
        return ["uv", "pip", "install", "--python", PYTHON]
    return [sys.executable, "-m", "pip", "--python", PYTHON, "install"]


def install(what: str, options: Sequence[str]) -> None:
    env = dict(os.environ, PIP_DISABLE_PIP_VERSION_CHECK="1", PIP_NO_INPUT="1", PIP_USER="0", PIP_USE_PEP517="1")
    for name in ("PYTHONPATH", "PYTHONHOME", "PIP_TARGET", "PIP_PREFIX"):
        env.pop(name, None)
    failure = work(what, [*installer(), *options], env)
    if failure:
        stop(
            f"{failure}\n\nThis step failed; those before it are kept. If it was the network, type the same "
            "command again;\nbehind a proxy or a mirror, set HTTPS_PROXY or PIP_INDEX_URL first."
        )


# ---- the commands ------------------------------------------------------------------------------------------


def become(program: Path, *arguments: str) -> NoReturn:
    """Hand the process over, so that signals and the exit code are the command's own."""
    sys.stdout.flush()
    os.execv(program, [str(program), *arguments])


def demo(arguments: list[str]) -> NoReturn:
    prepare(TO_RUN)
    become(VENV / "bin" / "crossdock", "demo", *arguments)


def test(arguments: list[str]) -> NoReturn:
    prepare(TO_DEVELOP)
    os.chdir(ROOT)
    become(PYTHON, "-m", "pytest", *arguments)


def services(arguments: list[str]) -> NoReturn:
    prepare(TO_DEVELOP)
    become(PYTHON, "-m", "crossdock.testing.services", *arguments)


def check(arguments: list[str]) -> NoReturn:
    if arguments not in ([], ["--fix"]):
        stop(f"dev.py check takes --fix or nothing, not {' '.join(arguments)}")
    prepare(TO_DEVELOP)
    fix = bool(arguments)
    checks = {
        "lint": ["ruff", "check", *(["--fix"] if fix else [])],
        "format": ["ruff", "format", *([] if fix else ["--check"])],
        "types": ["mypy"],
        "layers": ["pytest", "tests/test_layers.py", "tests/test_repo.py"],
    }
    failed = []
    for name, command in checks.items():
        started = time.monotonic()
        code = subprocess.run([PYTHON, "-m", *command], cwd=ROOT, check=False).returncode
        say(f"{name}: {'ok' if code == 0 else 'FAILED'}, {time.monotonic() - started:.1f} s")
        if code:
            failed.append(name)
    if failed:
        say(f"Not clean: {', '.join(failed)}.")
    sys.exit(1 if failed else 0)


def chaos(arguments: list[str]) -> NoReturn:
    prepare(TO_DEVELOP)
    os.chdir(ROOT)
    os.environ["PYTHONHASHSEED"] = "0"  # sets are walked in the same order each time: a seed repeats its run
    become(PYTHON, "-m", "crossdock.testing.chaos", *arguments)


def bench(arguments: list[str]) -> NoReturn:
    benches = {path.stem: path for path in sorted((ROOT / "bench").glob("[!_]*.py"))}
    if not arguments or arguments[0] not in benches:
        stop(f"dev.py bench NAME [ARGS], where NAME is one of: {', '.join(benches) or '(none yet)'}")
    prepare(TO_DEVELOP)
    become(PYTHON, str(benches[arguments[0]]), *arguments[1:])


def lock(arguments: list[str]) -> NoReturn:
    """Compile the locks in order, each constrained by those before it. They record no host."""
    uv = shutil.which("uv", path=f"{VENV / 'bin'}{os.pathsep}{os.environ.get('PATH', '')}")
    if uv is None:
        prepare(TO_DEVELOP)
        uv = str(VENV / "bin" / "uv")
    options = ["--universal", "--generate-hashes", "--no-emit-index-url", "--no-emit-find-links", "--quiet"]
    options += ["--only-binary", ":all:", "--exclude-newer", COOLDOWN]
    options += ["--custom-compile-command", "python3 dev.py lock", *arguments]
    earlier: list[str] = []
    for name, sources in LOCKS.items():
        path = lock_file(name)
        path.parent.mkdir(exist_ok=True)
        command = [uv, "pip", "compile", *sources, *options, *earlier, "-o", str(path.relative_to(ROOT))]
        failure = work(f"locking requirements/{name}.txt", command)
        if failure:
            stop(failure)
        # pip reads these in order: an ":all:" forgets the exceptions before it
        exceptions = [f"--no-binary {source}" for source in SOURCE_ONLY if name == "peers"]
        builds = ["--only-binary :all:", *exceptions]
        path.write_text("\n".join([f"# from: {requirements_digest()}", *builds, path.read_text()]))
        earlier += ["-c", str(path.relative_to(ROOT))]
    sys.exit(0)


def requirements_digest() -> str:
    """Of everything in pyproject.toml that decides the locks; each lock carries it, and a test compares."""
    pyproject = tomllib.loads((ROOT / "pyproject.toml").read_text())
    project = pyproject["project"]
    asked = [project[key] for key in ("requires-python", "dependencies", "optional-dependencies")]
    return hashlib.sha256(json.dumps([*asked, pyproject["dependency-groups"]]).encode()).hexdigest()


def main() -> NoReturn:
    commands = {
        "demo": demo,
        "test": test,
        "services": services,
        "check": check,
        "chaos": chaos,
        "bench": bench,
        "lock": lock,
    }
    name, arguments = (sys.argv[1] if len(sys.argv) > 1 else ""), sys.argv[2:]
    if name in ("-h", "--help", "help"):
        with contextlib.suppress(BrokenPipeError):  # `| head` has read enough
            print(__doc__, flush=True)
            sys.exit(0)
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    if name not in commands:
        stop(f"{f'dev.py has no command {name!r}.' if name else ''}\n{__doc__}".strip())
    try:
        commands[name](arguments)
    except KeyboardInterrupt:
        say("\nStopped. The same command goes on from here.")
        sys.exit(130)


if __name__ == "__main__":
    main()
