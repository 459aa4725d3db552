"""Rules that every action keeps, so that review does not have to."""

from __future__ import annotations

import inspect
import re
import sys
from pathlib import Path
from typing import Any

import botocore.session
import pytest

from containment import resources
from containment.actions import ACTIONS, Action

pytestmark = pytest.mark.plain

ROOT = Path(__file__).parents[2]
each = pytest.mark.parametrize("action", ACTIONS, ids=lambda action: action.resource)


def snake(word: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", word).lower()


@each
def test_file_class_resource_and_test_are_the_same_word(action: type[Action[Any, Any]]) -> None:
    word = snake(action.resource)

    assert action.__name__ == action.resource
    assert action.__module__ == f"containment.actions.{word}"
    assert (ROOT / "tests" / "actions" / f"test_{word}.py").is_file()
    declared = getattr(resources, action.resource)
    assert declared.resource_type == f"containment:index:{action.resource}"


@each
def test_an_actions_module_says_what_it_holds_why_and_what_survives(
    action: type[Action[Any, Any]],
) -> None:
    paragraphs = (sys.modules[action.__module__].__doc__ or "").strip().split("\n\n")

    assert len(paragraphs) >= 3
    assert any(paragraph.startswith("What survives it") for paragraph in paragraphs)
    assert any("ource" in paragraph for paragraph in paragraphs[-1:])


@each
def test_an_actions_permissions_are_operations_that_aws_has(action: type[Action[Any, Any]]) -> None:
    session = botocore.session.get_session()

    for name in action.permissions:
        service, _, operation = name.partition(":")
        assert operation in session.get_service_model(service).operation_names, name


@each
def test_an_actions_class_attributes_are_complete(action: type[Action[Any, Any]]) -> None:
    assert action.summary
    assert action.summary[0].isupper()
    assert not action.summary.endswith(".")
    assert action.survives
    assert action.identity <= set(action.inputs_type.model_fields)
    assert action.silent <= set(action.inputs_type.model_fields)
    assert action.computed <= set(action.state_type.model_fields)
    assert set(action.inputs_type.model_fields) <= set(action.state_type.model_fields)


def test_every_file_in_the_folder_is_registered() -> None:
    files = {path.stem for path in (ROOT / "containment" / "actions").glob("*.py")}

    assert files - {"__init__"} == {snake(action.resource) for action in ACTIONS}


@each
def test_an_actions_models_are_documented(action: type[Action[Any, Any]]) -> None:
    assert inspect.getdoc(action.inputs_type)
    assert inspect.getdoc(action.state_type)
