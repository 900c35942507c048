#!/usr/bin/env python3
"""Writes one DAG of trivial stages for several tools, so that what is measured is the tool and not the work.

A stage of the `command` flavour is `cat INPUTS | cksum > OUT`: a shell and two tiny programs, about 20 bytes out.
A stage of the `inline` flavour (orchestrate alone) derives a column of a one-row table, or joins two such tables:
no process is started. It does not know how long anything takes.

    dags.py --tool orchestrate --shape layered --stages 1000 --flavour inline DIR

Shapes, each with the same DAG for every tool (`leaf.txt` feeds the last stage alone, `src/*` the first ones):
  chain    each stage reads the one before
  layered  layers of 50; each stage reads 1 to 3 of the layer before, drawn with a fixed seed
  wide     one stage, all others but the last beside each other below it, the last below one of those
"""

import argparse
import json
import random
from pathlib import Path

WIDTH = 50
TOOLS = ["orchestrate", "ninja", "make", "dvc", "snakemake"]
SHAPES = ["chain", "layered", "wide"]


def stages_of(shape, n):
    """Returns for each stage the earlier stages and the files that it reads."""
    if shape == "chain":
        dag = [([i - 1], []) if i else ([], ["src/0"]) for i in range(n)]
    elif shape == "wide":
        dag = [([0], []) if i else ([], ["src/0"]) for i in range(n)]
        dag[-1] = ([min(1, n - 1)], [])
    else:
        draw = random.Random(1)
        dag = [([], [f"src/{i}"]) for i in range(min(WIDTH, n))]
        for i in range(len(dag), n):
            start = (i // WIDTH - 1) * WIDTH
            dag.append((sorted(draw.sample(range(start, start + WIDTH), draw.randint(1, 3))), []))
    dag[-1][1].append("leaf.txt")
    return dag


def reads(stage):
    """Returns the paths that a stage reads where outputs lie in `o/`."""
    above, files = stage
    return [f"o/s{i}" for i in above] + files


def write_ninja(dag, folder):
    lines = ["rule r\n  command = cat $in | cksum > $out\n"]
    lines += [f"build o/s{i}: r {' '.join(reads(stage))}\n" for i, stage in enumerate(dag)]
    (folder / "build.ninja").write_text("".join(lines))


def write_make(dag, folder):
    lines = ["all: " + " ".join(f"o/s{i}" for i in range(len(dag))) + "\n"]
    lines += [f"o/s{i}: {' '.join(reads(stage))}\n\t@cat $^ | cksum > $@\n" for i, stage in enumerate(dag)]
    (folder / "Makefile").write_text("".join(lines))


def write_dvc(dag, folder):
    lines = ["stages:\n"]
    for i, stage in enumerate(dag):
        lines.append(f"  s{i}:\n    cmd: cat {' '.join(reads(stage))} | cksum > o/s{i}\n    deps:\n")
        lines += [f"    - {path}\n" for path in reads(stage)]
        lines.append(f"    outs:\n    - o/s{i}\n")
    (folder / "dvc.yaml").write_text("".join(lines))


def write_snakemake(dag, folder):
    """One rule with wildcards, which is the form that Snakemake reads fastest."""
    (folder / "dag.json").write_text(json.dumps({str(i): reads(stage) for i, stage in enumerate(dag)}))
    (folder / "Snakefile").write_text(
        'import json\nD = json.load(open("dag.json"))\n'
        'rule all:\n    input: [f"o/s{i}" for i in D]\n'
        'rule r:\n    input: lambda w: D[w.i]\n    output: "o/s{i}"\n'
        '    shell: "cat {input} | cksum > {output}"\n'
    )


def write_orchestrate(dag, folder, shape):
    """Every stage is written out, but for `wide`, whose middle is a matrix."""
    lines = ["pipeline: bench\nstages:\n"]
    matrix = range(1, len(dag) - 1) if shape == "wide" else range(0)
    for i, (above, files) in enumerate(dag):
        if i in matrix:
            if i == matrix[0]:
                lines.append(command("wide", "${matrix.i}", ["s0"], files, f"{{ from: 1, to: {matrix[-1]} }}"))
            continue
        lines.append(command(f"s{i}", i, [f"wide/i={a}.o" if a in matrix else f"s{a}" for a in above], files))
    write_pipeline(folder, lines)


def command(name, i, above, files, axis=None):
    ports = "".join(f"      in{k}: {giver}\n" for k, giver in enumerate(above))
    words = [f"{{inputs.in{k}}}" for k in range(len(above))] + files
    return (
        f"  {name}:\n    uses: command\n"
        + (f"    matrix: {{ i: {axis} }}\n" if axis else "")
        + (f"    inputs:\n{ports}" if above else "")
        + f'    with:\n      run: "cat {" ".join(words)} | cksum > {{outputs.o}}"\n      shell: true\n'
        + f'      outputs: {{ o: "s{i}" }}\n'
        + (f"      files: [{', '.join(files)}]\n" if files else "")
    )


def write_inline(shape, n, folder):
    """The same shapes of `features.derive` and `features.join`; of the `n` stages two read the one-row tables."""
    (folder / "src/0").write_text("id,x\n1,0\n")
    (folder / "leaf.txt").write_text("id,y\n1,0\n")
    lines = [
        "pipeline: bench\nstages:\n",
        "  table: { uses: ingest.csv, with: { path: src/0, id: id } }\n",
        "  leaf: { uses: ingest.csv, with: { path: leaf.txt, id: id } }\n",
    ]
    body = n - 3
    if shape == "wide":
        lines.append(
            f"  wide:\n    uses: features.derive\n    inputs: {{ table: table }}\n"
            f"    matrix: {{ i: {{ from: 1, to: {body} }} }}\n"
            '    with: { columns: { x: "x + ${matrix.i}" } }\n'
        )
        last = "wide/i=1"
    elif shape == "chain":
        for i in range(body):
            lines.append(derive(i, f"s{i - 1}" if i else "table"))
        last = f"s{body - 1}"
    else:
        draw = random.Random(1)
        for i in range(body):
            layer = i // WIDTH
            givers = range((layer - 1) * WIDTH, layer * WIDTH)
            if layer == 0:
                lines.append(derive(i, "table"))
            elif layer % 2:
                left, right = draw.sample(givers, 2)
                lines.append(
                    f"  s{i}: {{ uses: features.join, inputs: {{ left: s{left}, right: s{right} }}, "
                    f"with: {{ on: id, suffix: _{i} }} }}\n"
                )
            else:
                lines.append(derive(i, f"s{draw.choice(givers)}"))
        last = f"s{body - 1}"
    lines.append(f"  last: {{ uses: features.join, inputs: {{ left: {last}, right: leaf }}, with: {{ on: id }} }}\n")
    write_pipeline(folder, lines)


def derive(i, giver):
    return (
        f"  s{i}: {{ uses: features.derive, inputs: {{ table: {giver} }}, "
        f'with: {{ columns: {{ x: "x + {i}" }}, select: [x] }} }}\n'
    )


def write_pipeline(folder, lines):
    (folder / "pipelines").mkdir()
    (folder / "pipelines/bench.yaml").write_text("".join(lines))


def write(tool, shape, n, flavour, folder):
    """Writes the DAG into the new folder `folder`; returns how many stages and edges it has."""
    folder = Path(folder)
    dag = stages_of(shape, n)
    (folder / "src").mkdir(parents=True)
    (folder / "o").mkdir()
    for i in range(WIDTH):
        (folder / f"src/{i}").write_text(f"source {i}\n")
    (folder / "leaf.txt").write_text("leaf 0\n")
    if tool == "orchestrate" and flavour == "inline":
        write_inline(shape, n, folder)
    elif tool == "orchestrate":
        write_orchestrate(dag, folder, shape)
    else:
        {"ninja": write_ninja, "make": write_make, "dvc": write_dvc, "snakemake": write_snakemake}[tool](dag, folder)
    return {"stages": n, "edges": sum(len(reads(stage)) for stage in dag)}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tool", choices=TOOLS, default="orchestrate")
    parser.add_argument("--shape", choices=SHAPES, default="layered")
    parser.add_argument("--stages", type=int, default=1000, help="at least 4")
    parser.add_argument("--flavour", choices=["command", "inline"], default="command")
    parser.add_argument("folder")
    a = parser.parse_args()
    print(json.dumps(write(a.tool, a.shape, a.stages, a.flavour, a.folder)))


if __name__ == "__main__":
    main()
