"""``containment status``: is whom the spec names held now, by unique id."""

from __future__ import annotations

import json
from typing import Any

import pytest

from containment.facets import deny as deny_facet
from containment.facets.claims import Claim
from containment.facets.marks import mark, policy_name
from containment.lab.testing import Lab
from tests.cli.conftest import GOOD, Command
from tests.support.fake_engine import STACK, USER, FakeEngine, deny, snapshot

pytestmark = pytest.mark.lab


def applied(iam: Any, served: Lab, unique_id: str) -> list[dict[str, Any]]:
    """Put the incident's deny and claim on ci-deploy; return what the state would have of them."""
    own = mark(STACK, "s" * 10, 7)
    denied = deny_facet.document(deny_facet.Scope("all"), own)
    iam.put_user_policy(
        UserName="ci-deploy", PolicyName=policy_name(STACK), PolicyDocument=json.dumps(denied)
    )
    (key,) = iam.list_access_keys(UserName="ci-deploy")["AccessKeyMetadata"]
    iam.update_access_key(UserName="ci-deploy", AccessKeyId=key["AccessKeyId"], Status="Inactive")
    value = Claim("s" * 10, 7, {key["AccessKeyId"]: "Active"}).value
    iam.tag_user(UserName="ci-deploy", Tags=[{"Key": f"containment:{STACK}", "Value": value}])
    common = {"endpoint": served.endpoint, "principalId": unique_id}
    denying = deny(USER, **common)
    denying["inputs"] |= {"scope": "all", "principalId": unique_id}
    denying["outputs"] |= {"scope": "all"}
    common_inputs = {
        name: value
        for name, value in {**denying["inputs"], **common}.items()
        if name not in {"scope", "cohort"}
    }
    keys = {
        **denying,
        "urn": denying["urn"].replace("DenyPolicy", "InactiveCredentials"),
        "type": "containment:index:InactiveCredentials",
        "inputs": {**common_inputs, "which": "all"},
        "outputs": {**common_inputs, "which": "all", "generation": 7, "live": "applied"},
    }
    return [snapshot(USER, **common), denying, keys]


def spec_of(engine: FakeEngine, *lines: str) -> None:
    head, _, _ = GOOD.partition("targets:")
    text = head + "targets:\n" + "".join(f"  {line}\n" for line in lines)
    (engine.project / "stacks" / f"{STACK}.yaml").write_text(text)


def test_status_answers_whether_whom_the_spec_names_is_held_now(
    containment: Command, engine: FakeEngine, served: Lab
) -> None:
    iam = served.client("iam", served.world.admin)
    user_id = iam.get_user(UserName="ci-deploy")["User"]["UserId"]
    spec_of(engine, f"- user: {USER}")
    engine.exports(*applied(iam, served, user_id))
    assert containment("status", "--json").code == 0

    iam.update_user(UserName="ci-deploy", NewUserName="ci-deploy-2")
    renamed = containment("status", "--json")
    assert (renamed.code, renamed.json["unheld"]) == (0, [])
    assert any("ci-deploy-2 now, and stays held" in it["what"] for it in renamed.json["matters"])

    iam.create_user(UserName="ci-deploy", Path="/ci/")
    made_anew = containment("status", "--json")
    assert (made_anew.code, made_anew.json["unheld"]) == (4, [USER])
    assert any("made anew" in it["what"] for it in made_anew.json["matters"])

    new = "arn:aws:iam::111122223333:user/ci/ci-deploy-2"
    spec_of(engine, f"- user: {new}")
    by_new_name = containment("status", "--json")
    assert by_new_name.json["unheld"] == []
    assert any(f"write 'user: {USER}'" in it["next"] for it in by_new_name.json["matters"])

    (key,) = iam.list_access_keys(UserName="alice")["AccessKeyMetadata"]
    spec_of(engine, f"- user: {new}", f"  leaked: [{key['AccessKeyId']}]")
    strangers = containment("status", "--json")
    assert strangers.code == 4
    assert strangers.json["unheld"] == [served.world.bystander_user]
