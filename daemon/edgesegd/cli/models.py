"""`edgesegd models`: lists, fetches and checks models, and sends orders to a daemon."""

from __future__ import annotations

import asyncio
import json
from argparse import ArgumentParser, Namespace
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from edgesegd.cli import model_orders, model_releases, model_trial
from edgesegd.cli.download_bar import download_bar
from edgesegd.cli.model_info import facts_as_json, print_facts
from edgesegd.cli.options import add_options, effective_config, only_model
from edgesegd.cli.tables import Table, print_table, print_text
from edgesegd.config import Config
from edgesegd.models.catalogue.repository import parse_source
from edgesegd.models.catalogue.store import list_models
from edgesegd.models.published import downloads, published_models

if TYPE_CHECKING:
    from argparse import _SubParsersAction


def add_parser(subparsers: _SubParsersAction[ArgumentParser]) -> None:
    """Add the command; the parsed arguments then hold `run`."""
    parser = subparsers.add_parser(
        "models", help="list, fetch and check models; load and unload those of a running daemon"
    )
    parser.set_defaults(run=run)
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    listing = actions.add_parser(
        "list", help="list the models that a running daemon serves, and those known by name"
    )
    listing.add_argument("--json", action="store_true", help="print JSON")
    listing.add_argument(
        "--published",
        action="store_true",
        help="list the published models that are known, with their sizes, classes and licences",
    )
    pulling = actions.add_parser("pull", help="download a published model and check its SHA-256")
    pulling.add_argument("name", metavar="NAME", help=f"one of: {', '.join(sorted(downloads()))}")
    pulling.add_argument(
        "--from",
        dest="source",
        metavar="URL|PATH",
        help="a mirror or a file to use instead of the published address; the SHA-256 is checked"
        " too",
    )
    showing = actions.add_parser("info", help="show the facts about a model, and their sources")
    showing.add_argument(
        "model",
        metavar="NAME|PATH",
        nargs="?",
        help="the model (default: the configured one, or else the built-in one)",
    )
    showing.add_argument("--json", action="store_true", help="print JSON")
    checking = actions.add_parser(
        "check",
        help="check whether a model can be served here; the exit status says why not",
        description="Read a model and run it on the CPU in a separate process. Exit status 0: it "
        "can be served here; 5: there is no such model; 6: it is damaged or not a segmentation "
        "model; 7: the runtime cannot run it.",
    )
    checking.add_argument("model", metavar="NAME|PATH")
    checking.add_argument("--json", action="store_true", help="print JSON if it can be served")
    add_options(listing, {"data_dir", "control"})
    for action in (pulling, showing):
        add_options(action, {"data_dir"})
    add_options(checking, {"data_dir", "runtime", "threads"})
    model_trial.add_parser(actions)
    model_orders.add_parsers(actions)
    model_releases.add_parsers(actions)


def run(args: Namespace) -> int:
    """Run the action; raises `StartupError` if it fails."""
    config = effective_config(args).config
    data_dir = Path(config.data_dir)
    match args.action:
        case "pull":
            _pull(args.name, data_dir, args.source)
        case "info":
            _info(only_model(config), data_dir, as_json=args.json)
        case "check":
            _check(config, as_json=args.json)
        case "try":
            return model_trial.try_model(args, config, only_model(config))
        case "list":
            if args.published:
                _list_published(as_json=args.json)
            else:
                _list(config, as_json=args.json)
        case "sync" | "manifest":
            return model_releases.carry_out(args, config)
        case _:
            return model_orders.carry_out(args, config)
    return 0


def _check(config: Config, *, as_json: bool) -> None:
    from edgesegd.probe.check import check_model  # noqa: PLC0415 - imports the trials

    pair = parse_source(only_model(config), Path(config.data_dir)).read()
    took = asyncio.run(check_model(pair, runtime=config.runtime, threads=config.threads))
    served, cpu = pair.served, pair.cpu
    if as_json:
        facts = {"path": str(served.path), "sha256": served.sha256, "cpu_path": str(cpu.path)}
        print(json.dumps(facts | {"invoke_seconds": took}, indent=2))
        return
    twin = "" if cpu is served else f" of its twin {cpu.path}"
    took_ms = f"{took * 1000:.1f} ms"
    print_text(f"{served.path} can be served: an invoke{twin} takes {took_ms} on the CPU")


def _list(config: Config, *, as_json: bool) -> None:
    states, known = model_orders.served_models(config), downloads()
    models = list_models(Path(config.data_dir))
    if as_json:
        print(
            json.dumps(
                {
                    "served": [asdict(each) for each in states],
                    "known": [
                        {"name": each.name, "path": None if each.path is None else str(each.path)}
                        for each in models
                    ],
                },
                indent=2,
            )
        )
        return
    if states:
        print_table(model_orders.states_as_table(states))
        print()
    rows = []
    for model in models:
        published = known.get(model.name)
        about = f"{published.title} ({published.license})" if published else ""
        where = str(model.path) if model.path else f"get it: edgesegd models pull {model.name}"
        rows.append((model.name, where, about))
    print_table(Table(("name", "where", "about"), rows, prose=frozenset({"where", "about"})))


def _list_published(*, as_json: bool) -> None:
    models = published_models()
    if as_json:
        print(json.dumps([asdict(each) for each in models], indent=2))
        return
    rows = []
    for each in models:
        title = f"{each.title}: not served" if each.refused else each.title
        digest = f"SHA-256 {each.sha256[:12]}..." if each.sha256 else f"MD5 {each.md5[:8]}..."
        rows.append((title, each.name, each.input, each.classes, each.license, digest))
    headings = ("model", "pull as", "input", "classes", "licence", "checksum")
    print_table(Table(headings, rows, prose=frozenset({"model"})))
    print()
    print_text("A file is recognised by this hash, whatever its name is.")


def _pull(name: str, data_dir: Path, source: str | None) -> None:
    from edgesegd.models.catalogue.pull import pull  # noqa: PLC0415 - imports the HTTP client

    with download_bar(name) as progress:
        pulled = pull(name, data_dir, source=source, progress=progress)
    print(
        pulled.path if pulled.is_new else f"{pulled.path} already exists, and its SHA-256 is right"
    )


def _info(model: str, data_dir: Path, *, as_json: bool) -> None:
    spec = parse_source(model, data_dir).read().served
    if as_json:
        print(facts_as_json(spec))
        return
    print_facts(spec)
