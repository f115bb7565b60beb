"""The workflow for people who fork this: what it runs is there, and it runs everything everywhere it says."""

from __future__ import annotations

import os
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

yaml = pytest.importorskip(
    "yaml", reason="there is no PyYAML, which asv brings (pip install -e .[dashboard])"
)

ROOT = Path(__file__).parents[2]
FILE = ROOT / ".github" / "workflows" / "ci.yml"

EXPRESSION = re.compile(r"\$\{\{(.*?)\}\}")


class Strict(yaml.SafeLoader):  # type: ignore[misc, name-defined]
    """Refuses a key that is given twice, which plain YAML takes the last of."""

    def construct_mapping(self, node: Any, deep: bool = False) -> Any:
        keys = [self.construct_object(key, deep=deep) for key, _ in node.value]
        assert len(keys) == len(set(keys)), f"twice the same key in {keys}"
        return super().construct_mapping(node, deep=deep)


@pytest.fixture(scope="module")
def workflow() -> dict[str, Any]:
    return yaml.load(FILE.read_text(), Strict)


def commands(job: dict[str, Any]) -> list[str]:
    return [step["run"] for step in job["steps"] if "run" in step]


def test_every_command_is_there(workflow: dict[str, Any]) -> None:
    """A target of the Makefile, an executable of ``ci/``, or a program every runner has."""
    targets = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    seen = set()
    for name, job in workflow["jobs"].items():
        for line in commands(job):
            for command in EXPRESSION.sub("X", line).split(" && "):
                program, *words = command.split()
                seen.add(program)
                if program == "make":
                    assert words and set(words) <= set(targets), (name, command)
                elif "/" in program:
                    assert os.access(ROOT / program, os.X_OK), (name, command)
                else:
                    assert program in ("sudo", "cp", "cat"), (name, command)
    assert {"make", "ci/matrix.sh", "ci/bench.sh"} <= seen


def test_what_is_run_where(workflow: dict[str, Any]) -> None:
    """Every Python the package says it supports, times every PostgreSQL of ``ci/matrix.sh``."""
    jobs = workflow["jobs"]
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    pythons = [c.rpartition(" ")[2] for c in project["classifiers"] if re.search(r":: 3\.\d+$", c)]
    servers = re.search(r"\|\| majors=\(([\d ]+)\)", (ROOT / "ci" / "matrix.sh").read_text())
    assert servers is not None
    matrix = jobs["test"]["strategy"]["matrix"]
    assert matrix == {"python": pythons, "postgres": servers[1].split()}
    assert [commands(jobs[name])[0] for name in ("check", "package")] == ["make check", "make package"]
    assert commands(jobs["docs"]) == ["make docs", "make dashboard", "cp -r .asv/html site/dashboard"]
    assert jobs["bench"]["if"] == "github.event_name == 'pull_request'"
    assert set(jobs["publish"]["needs"]) == jobs.keys() - {"bench", "publish"}


def test_it_is_sound(workflow: dict[str, Any]) -> None:
    """Jobs are waited for that exist, steps do one thing, nothing secret is asked for."""
    assert workflow.keys() == {"name", True, "permissions", "concurrency", "jobs"}  # YAML reads `on` as true
    assert workflow["permissions"] == {"contents": "read"}
    text = FILE.read_text()
    assert "secrets" not in text and "http" not in text
    for name, job in workflow["jobs"].items():
        assert job["runs-on"] == "ubuntu-latest" and job["timeout-minutes"] <= 60, name
        assert set(job.get("needs", ())) <= workflow["jobs"].keys(), name
        for step in job["steps"]:
            assert ("uses" in step) != ("run" in step), (name, step)
            assert step.keys() <= {"id", "if", "uses", "with", "run"}, (name, step)
            assert re.fullmatch(r"actions/[a-z-]+@v\d+", step.get("uses", "actions/x@v1")), (name, step)
    contexts = {re.split(r"[.(=\s]", found.strip())[0] for found in EXPRESSION.findall(text)}
    assert contexts <= {"github", "matrix", "steps", "hashFiles"}
    assert {found.strip() for found in re.findall(r"matrix\.\w+", text)} == {
        "matrix.python",
        "matrix.postgres",
        "matrix.sh",
    }
