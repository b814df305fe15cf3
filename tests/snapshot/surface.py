"""What others rely on: each function lists one part of it, sorted, a line for each entry."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from celery import current_app
from django.apps import AppConfig, apps
from django.core.management import BaseCommand, get_commands, load_command_class
from django.urls import URLPattern, URLResolver, get_resolver
from drf_spectacular.settings import spectacular_settings
from prometheus_client import REGISTRY

from config.monitoring import endpoints
from tests.snapshot import sources

ROOT = sources.ROOT
DATA = Path(__file__).parent / "data"
PRODUCTION = {"DATABASE_URL": "postgresql://127.0.0.1:1/x", "SECRET_KEY": "abc-" * 20}
PROSE = {"description", "summary", "example", "examples"}


def our_apps() -> list[AppConfig]:
    return [app for app in apps.get_app_configs() if Path(app.path).parent == ROOT]


def _our_models() -> list[Any]:
    return [one for app in our_apps() for one in app.get_models(include_auto_created=True)]


def urls() -> list[str]:
    def walk(resolver: URLResolver, before: str, space: str) -> Iterator[str]:
        for one in resolver.url_patterns:
            # The admin's list of apps is in the order in which their modules were imported.
            own = re.sub(r"(?<=<app_label>)[\w|]+", _sorted_words, str(one.pattern))
            route = before + own
            if isinstance(one, URLPattern):
                yield f"{route}  {space}{one.name}"
            else:
                yield from walk(one, route, f"{space}{one.namespace}:" if one.namespace else space)

    return sorted(walk(get_resolver(), "", ""))


def _sorted_words(found: re.Match[str]) -> str:
    return "|".join(sorted(found[0].split("|")))


def tasks() -> list[str]:
    current_app.loader.import_default_modules()
    conf, router = current_app.conf, current_app.amqp.router
    ours = {name: task for name, task in current_app.tasks.items() if name[:7] != "celery."}
    routed = [
        f"task {name} queue={router.route({}, name)['queue'].name} rate_limit={task.rate_limit}"
        for name, task in ours.items()
    ]
    beat = [
        # A whole number of seconds may have been set by another test before Celery read it.
        f"beat {name!r} {one['task']} {_schedule(one['schedule'])} {one['options']}"
        for name, one in conf.beat_schedule.items()
    ]
    queues = [f"queue {queue.name}" for queue in conf.task_queues]
    return sorted(
        routed + beat + queues + [f"call queue={name}" for name in sources.queues_named()]
    )


def _schedule(schedule: object) -> object:
    return float(schedule) if isinstance(schedule, int) else schedule


def permissions() -> list[str]:
    found = []
    for model in _our_models():
        meta, label = model._meta, model._meta.app_label
        found += [f"{label}.{kind}_{meta.model_name}" for kind in meta.default_permissions]
        found += [f"{label}.{codename}" for codename, _ in meta.permissions]
    return sorted(found)


def models() -> list[str]:
    return sorted(model._meta.label for model in _our_models())


def commands() -> list[str]:
    common = {action.dest for action in BaseCommand().create_parser("", "")._actions}
    ours, lines = {app.name for app in our_apps()}, []
    for name, app in get_commands().items():
        if app not in ours:
            continue
        lines.append(name)
        for action in load_command_class(app, name).create_parser("manage.py", name)._actions:
            if action.dest not in common:
                lines.append(
                    f"{name} {','.join(action.option_strings) or action.dest}"
                    f" {type(action).__name__} dest={action.dest} nargs={action.nargs}"
                    f" required={action.required} default={action.default!r}"
                    f" type={getattr(action.type, '__name__', None)}"
                    f" choices={action.choices and [str(one) for one in action.choices]}"
                )
    return sorted(lines)


def environment() -> list[str]:
    """What the settings read, with the reader's arguments; `.env.example`; other reads."""
    example = re.findall(r"^(\w+)=(.*)$", (ROOT / ".env.example").read_text(), re.M)
    bare, services = (_settings_reads(dict(example), given) for given in ({}, PRODUCTION))
    lines = [f"settings {name} {services[name]}" for name in services]
    lines += [f"embedded {name} {bare[name]}" for name in bare if bare[name] != services.get(name)]
    lines += [f"elsewhere {name}" for name in sources.environment_reads() if name not in services]
    # The sample key may stand in `.env.example` only, so its value is not recorded.
    shown = {**dict(example), "SECRET_KEY": "…"}
    return sorted(lines + [f".env.example {name}={value}" for name, value in shown.items()])


def _settings_reads(example: dict[str, str], given: dict[str, str]) -> dict[str, str]:
    isolated = {**os.environ, **dict.fromkeys(example, ""), **given}
    isolated["DAYBREAK_VAR"] = os.environ["DAYBREAK_VAR"]
    command = [sys.executable, str(Path(__file__).with_name("settings_reads.py"))]
    told = subprocess.run(command, cwd=ROOT, env=isolated, capture_output=True, text=True)
    assert told.returncode == 0, told.stderr
    found: dict[str, str] = json.loads(told.stdout)
    return found


def alert_rules() -> list[str]:
    return sources.alert_rules((DATA / "alert_rules.txt").read_text().splitlines())


def events() -> list[str]:
    field = apps.get_model("distribution", "OutgoingEvent")._meta.get_field("kind")
    return sorted(value for value, _ in field.flatchoices)


def metrics() -> list[str]:
    """The product's own; those of django-prometheus are the package's."""
    current_app.loader.import_default_modules()
    ours = [one for one in REGISTRY._collector_to_names if "daybreak" in getattr(one, "_name", "")]
    lines = [f"{one._type} {one._name} {','.join(one._labelnames)}" for one in ours]
    # Named as the counters above: without the ending that the page adds.
    lines += [
        f"{one.type} {one.name.removesuffix('_total')} {','.join(one.labels)}"
        for one in endpoints.COLLECTOR.types
    ]
    return sorted(line.strip() for line in lines)


def openapi() -> list[str]:
    made = spectacular_settings.DEFAULT_GENERATOR_CLASS().get_schema(request=None, public=True)
    return _reduced(json.loads(json.dumps(made, default=str)))


def openapi_kept() -> list[str]:
    text = (ROOT / "docs" / "openapi.yml").read_text()
    return _reduced(yaml.load(text, getattr(yaml, "CSafeLoader", yaml.SafeLoader)))  # noqa: S506


def _reduced(document: dict[str, Any]) -> list[str]:
    kept = _without_prose(document)
    return json.dumps(kept, indent=1, sort_keys=True, ensure_ascii=False).splitlines()


def _without_prose(node: Any, *, names: bool = False) -> Any:
    """`names`: the keys are fields' own names, of which one may be called `summary`."""
    if isinstance(node, list):
        return [_without_prose(one) for one in node]
    if not isinstance(node, dict):
        return node
    kept = {key: one for key, one in node.items() if names or key not in PROSE}
    return {key: _without_prose(one, names=key == "properties") for key, one in kept.items()}
