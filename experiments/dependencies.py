"""Which files a stage script needs: its imports within the repository, followed through to the end.

`python -m experiments.dependencies experiments/train.py` prints the list for the `deps` of a stage;
without an argument every stage of `dvc.yaml` is checked against its script.
"""

import argparse
import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import yaml

PACKAGES = ("pita", "experiments", "figures")
COMMAND = re.compile(r"python (?:-m (?P<module>[\w.]+)|(?P<file>[\w/]+\.py))")


def imported_modules(file: Path) -> list[str]:
    """Dotted names that `file` imports; `from a import b` gives both `a` and `a.b`."""
    names = []
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"), filename=str(file))):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            if node.level or node.module is None:
                raise ValueError(f"{file}:{node.lineno}: relative import")
            names += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    return names


def module_files(name: str, *, root: Path) -> Iterator[Path]:
    """Files that importing the module `name` runs: itself and each package above it that holds code."""
    parts = name.split(".")
    if parts[0] not in PACKAGES:
        return
    for end in range(1, len(parts) + 1):
        stem = root.joinpath(*parts[:end])
        if (file := stem.with_suffix(".py")).is_file() or _has_code(file := stem / "__init__.py"):
            yield file


def script_dependencies(script: Path, *, root: Path) -> list[str]:
    """Sorted paths, relative to `root`, of `script` and of everything in the repository that it imports."""
    found: set[Path] = set()
    waiting = [root / script]
    while waiting:
        file = waiting.pop()
        if file not in found:
            found.add(file)
            waiting += [path for name in imported_modules(file) for path in module_files(name, root=root)]
    return sorted(path.relative_to(root).as_posix() for path in found)


def stage_scripts(command: str | list[str]) -> list[Path]:
    """Script files that a stage's `cmd`, one command or several, runs with python."""
    command = command if isinstance(command, str) else "\n".join(command)
    return [
        Path(match["file"] or match["module"].replace(".", "/") + ".py")
        for match in COMMAND.finditer(command)
    ]


def stage_problems(pipeline: dict, *, root: Path) -> list[str]:
    """What is wrong with the Python files in the `deps` of each stage of a parsed `dvc.yaml`."""
    problems = []
    for name, stage in pipeline["stages"].items():
        stage = stage.get("do", stage)
        scripts = stage_scripts(stage["cmd"])
        if not scripts:
            problems.append(f"{name}: its command runs no Python script: {stage['cmd']}")
        absent = [script for script in scripts if not (root / script).is_file()]
        problems += [f"{name}: {script} does not exist" for script in absent]
        needed = {
            path
            for script in scripts
            if script not in absent
            for path in script_dependencies(script, root=root)
        }
        listed = {dep for dep in stage.get("deps", []) if isinstance(dep, str) and dep.endswith(".py")}
        problems += [f"{name}: deps lacks {path}" for path in sorted(needed - listed)]
        problems += [f"{name}: deps has {path}, which is not imported" for path in sorted(listed - needed)]
    return problems


def _has_code(file: Path) -> bool:
    if not file.is_file():
        return False
    body = ast.parse(file.read_text(encoding="utf-8")).body
    return any(not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)) for node in body)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("script", nargs="?", type=Path)
    script = parser.parse_args().script
    root = Path(".")
    if script is not None:
        print("\n".join(f"      - {path}" for path in script_dependencies(script, root=root)))
        return
    pipeline = yaml.safe_load((root / "dvc.yaml").read_text(encoding="utf-8"))
    if problems := stage_problems(pipeline, root=root):
        sys.exit("\n".join(problems))


if __name__ == "__main__":
    main()
