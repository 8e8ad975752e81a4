"""Wrong projects get one clear error each: file, line, column, what, and what to do next."""

# ruff: noqa: E501 - a mistake and what is said of it read best side by side

import os
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from crossdock.core.errors import ProjectError, UsageError
from crossdock.project import Checked, check_project, load_landscape, load_project

Check = Callable[..., Checked]
Write = Callable[[Mapping[str, str | bytes | None]], Path]

FLOW = "on: deal.created\nto: out\naction: put_deal\n"
OUT = "connector: http\nsettings:\n  base_url: https://api.example.com\n"


def errors(checked: Checked) -> list[str]:
    return [str(problem) for problem in checked.errors]


def only(checked: Checked) -> str:
    assert len(checked.errors) == 1, errors(checked)
    return errors(checked)[0]


def test_a_project_that_is_well_has_no_problems(check: Check) -> None:
    checked = check({})
    assert checked.problems == ()
    assert checked.project is not None


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"crossdock.yaml": "nme: x"}, "crossdock.yaml:1:1: `nme` is not a key of crossdock.yaml\n    did you mean `name`?"),
        ({"crossdock.yaml": "name: Joanna's shop"}, "crossdock.yaml:1:7: `name` should be small letters"),
        ({"crossdock.yaml": "name: x\nlisten: {port: eighty}"}, "crossdock.yaml:2:16: `listen.port` should be a whole number, not text"),
        ({"crossdock.yaml": "name: x\nlisten: 80"}, "crossdock.yaml:2:9: `listen` should be a mapping of names to values, not a number"),
        ({"crossdock.yaml": "name: x\nretention: {events: 90}"}, "`retention.events` should be a number and its unit"),
        ({"crossdock.yaml": "name: x\nretention: {events: 365d}"}, "crossdock.yaml:2:21: `effects` (90d) are kept shorter than `events` (365d)"),
        ({"crossdock.yaml": "- name: x"}, "crossdock.yaml:1:1: should be a mapping of keys"),
        ({"crossdock.yaml": "name: x\nenvironments: {prodction: {}}"}, "`prodction` is not a key of `environments`\n    did you mean `production`?"),
        (
            {"crossdock.yaml": "name: x\nenvironments:\n  sandbox: {store: sqlite:a.db}\n  staging: {store: sqlite:a.db}"},
            "crossdock.yaml:4:20: `staging` and `sandbox` share the store sqlite:a.db",
        ),
        (
            {"crossdock.yaml": "name: x\nenvironments: {production: {store: 'postgresql://me:pw@host/db'}}"},
            "may hold no password",
        ),
        (
            {"crossdock.yaml": "name: x\nenvironments: {sandbox: {connections: {otu: {}}}}"},
            "crossdock.yaml:2:40: there is no connection `otu`\n    did you mean `out`?",
        ),
        ({"crossdock.yaml": "name: x\negress: {allow: [erp]}"}, "crossdock.yaml:2:18: `egress.allow.0` should be host:port"),
        ({"connections/out.yaml": "connector: htpp"}, "connections/out.yaml:1:12: there is no connector 'htpp'\n    did you mean 'http'?"),
        ({"connections/out.yaml": "settings: {}"}, "connections/out.yaml:1:1: `connector` is missing from a connection"),
        (
            {"connections/out.yaml": OUT.replace("base_url", "bas_url")},
            "connections/out.yaml:3:3: `bas_url` is not a key of the settings of http\n    did you mean `base_url`?",
        ),
        (
            {"connections/out.yaml": OUT + "  actions: {put_deal: {model: deal, path: /d, method: PUSH}}\n"},
            "connections/out.yaml:4:55: `actions.put_deal.method` should be one of POST",
        ),
        (
            {"connections/out.yaml": OUT + "  per_second: -1\n  actions: {put_deal: {model: deal, path: /d}}\n"},
            "connections/out.yaml:4:15: `per_second` should be more than 0",
        ),
        (
            {"connections/out.yaml": OUT + "  actions: {put_deal: {model: deal, path: /d}}\npolls: {deals: 5m}\n"},
            "connections/out.yaml:5:9: http has no poll `deals`\n    it has none",
        ),
        ({"flows/deals.yaml": FLOW + "wher: .a\n"}, "flows/deals.yaml:4:1: `wher` is not a key of a flow\n    did you mean `where`?"),
        ({"flows/deals.yaml": "to: out\naction: put_deal\n"}, "flows/deals.yaml:1:1: `on` is missing from a flow\n    Types of events"),
        ({"flows/deals.yaml": FLOW.replace("deal.created", "deal.made")}, "flows/deals.yaml:1:5: `on` should be a model and what happened"),
        ({"flows/deals.yaml": FLOW.replace("deal.created", "dael.created")}, "flows/deals.yaml:1:5: there is no model `dael`\n    did you mean `deal`?"),
        ({"flows/deals.yaml": FLOW.replace("to: out", "to: ouut")}, "flows/deals.yaml:2:5: there is no connection `ouut`\n    did you mean `out`?"),
        ({"flows/deals.yaml": FLOW.replace("put_deal", "putdeal")}, "flows/deals.yaml:3:9: out has no action `putdeal`\n    did you mean `put_deal`?"),
        ({"flows/deals.yaml": FLOW.replace("to: out", "to: in")}, "in has no action `put_deal`\n    it only brings in"),
        ({"flows/deals.yaml": FLOW.replace("deal.", "order.")}, "flows/deals.yaml:3:9: `put_deal` takes `deal` and the events hold `order`"),
        ({"flows/deals.yaml": FLOW + "on_unknown: resend\n"}, "flows/deals.yaml:4:1: `on_unknown` is for actions that nothing makes happen once"),
        ({"flows/deals.yaml": FLOW + "on_dead: stop\n"}, "flows/deals.yaml:4:10: `on_dead` should be one of block, skip"),
        ({"flows/deals.yaml": FLOW + "each: true\n"}, "flows/deals.yaml:4:1: `each` is about what a map makes"),
        ({"flows/deals.yaml": FLOW + "in_flight: 0\n"}, "flows/deals.yaml:4:12: `in_flight` should be at least 1"),
        ({"flows/deals.yaml": FLOW + "retry: {first_delay: 10m}\n"}, "`first_delay` is longer than `max_delay`"),
        ({"flows/deals.yaml": FLOW + "from: tomorrow\n"}, "flows/deals.yaml:4:7: `from` should be `now`, `beginning`"),
        ({"flows/deals.yaml": FLOW + "timeout: 2\n"}, "flows/deals.yaml:4:10: `timeout` should be a number and its unit"),
        ({"flows/deals.yaml": FLOW + "map: dael.jq\n"}, "flows/deals.yaml:4:6: there is no file maps/dael.jq\n    did you mean deal.jq?"),
        ({"flows/deals.yaml": FLOW + "map: ../../etc/passwd.jq\n"}, "there is no file maps/../../etc/passwd.jq"),
        ({"flows/deals.yaml": b"on: \xff\n"}, "flows/deals.yaml:1:5: is not UTF-8 text"),
        ({"flows/Deals.yaml": FLOW}, "flows/Deals.yaml: 'Deals' cannot be the name of a flow"),
        (
            {"flows/deals.yaml": FLOW + "needs: {customer: {key: .customer.key}}\n"},
            "flows/deals.yaml:4:9: no flow ever links a customer at out, so this one would wait in vain",
        ),
        ({"flows/deals.yaml": FLOW + "needs: {customer: .customer.key}\n"}, "`needs.customer` should be a mapping of names to values, not text"),
        (
            {"flows/deals.yaml": FLOW + "needs: {custmer: {key: .customer.key}}\n"},
            "flows/deals.yaml:4:9: there is no model `custmer`\n    did you mean `customer`?",
        ),
        (
            {"flows/deals.yaml": FLOW + "needs: {deal: {key: .order.key, then: fetch}}\n"},
            "flows/deals.yaml:4:39: no connection can fetch a deal",
        ),
        ({"models/thing.yaml": "$id: thing@1\ntype: object\n"}, "models/thing.yaml:1:1: a model is an object"),
        ({"tables/codes.csv": "a,b\n1\n"}, "tables/codes.csv:2:1: has 1 cells where the header has 2"),
        ({"cases/x.yaml": "- {name: a, flow: dealz, event: {type: deal.created, data: {}}, skip: filter}"}, "cases/x.yaml:1:19: there is no flow `dealz`\n    did you mean `deals`?"),
        ({"cases/x.yaml": "- {name: a, flow: deals}"}, "cases/x.yaml:1:3: say the `event` that the flow is given"),
        ({"cases/x.yaml": "name: a"}, "cases/x.yaml:1:1: should be a list of cases"),
        (
            {"cases/x.yaml": "- {name: a, connection: in, topic: deal, file: ../x.json, events: []}"},
            "cases/x.yaml:1:48: ../x.json a project reads nothing outside its own folder",
        ),
    ],
)  # fmt: skip
def test_a_wrong_project_gets_one_clear_error(check: Check, files: dict[str, str | bytes], said: str) -> None:
    found = only(check(files))
    assert said in found


def test_all_problems_are_told_in_one_run_in_the_order_of_the_files(check: Check) -> None:
    checked = check(
        {
            "crossdock.yaml": "name: x\nlisten: {port: 0}\n",
            "connections/out.yaml": OUT + "  colour: red\n",
            "connections/third.yaml": "connector: http\nsettings: {}\n",
            "flows/deals.yaml": FLOW + "colour: red\n",
            "flows/more.yaml": "on: x.created\nto: nowhere\naction: send\n",
        }
    )
    assert [problem.file for problem in checked.errors] == [
        "crossdock.yaml",
        "connections/out.yaml",
        "connections/third.yaml",
        "flows/deals.yaml",
        "flows/more.yaml",
        "flows/more.yaml",
    ]


def test_one_mistake_in_a_connection_is_not_told_again_by_its_flows(check: Check) -> None:
    assert "colour" in only(check({"connections/out.yaml": OUT + "  colour: red\n"}))


def test_no_message_repeats_a_setting_that_may_be_secret(check: Check) -> None:
    checked = check({"connections/out.yaml": OUT + "  auth: hunter2\n  headers: [hunter2]\n  hunter: {a: hunter2}\n"})
    assert len(checked.errors) == 3
    assert "hunter2" not in str(errors(checked))


def test_needs_in_a_circle_are_told_with_the_way_round(check: Check) -> None:
    out = OUT + (
        "  actions:\n"
        "    put_deal: {model: deal, path: /deals, upsert: true}\n"
        "    put_customer: {model: customer, path: /customers, upsert: true}\n"
    )
    checked = check(
        {
            "connections/out.yaml": out,
            "flows/deals.yaml": FLOW + "needs: {customer: {key: .customer.key}}\n",
            "flows/people.yaml": "on: customer.created\nto: out\naction: put_customer\nneeds: {deal: {key: .name}}\n",
        }
    )
    assert "flows/deals.yaml:4:9: needs go in a circle: deals → people → deals" in only(checked)


def test_a_flow_may_need_what_another_way_links_without_a_circle(check: Check) -> None:
    out = OUT + "  actions:\n    put_deal: {model: deal, path: /deals}\n    close_deal: {model: deal, path: /closed}\n"
    checked = check(
        {
            "connections/out.yaml": out,
            "flows/close.yaml": "on: deal.updated\nto: out\naction: close_deal\nneeds: {deal: {key: $event.key}}\n",
        }
    )
    assert errors(checked) == []


def test_a_filter_on_updates_warns_of_what_leaves_it(check: Check) -> None:
    checked = check({"flows/deals.yaml": FLOW.replace("deal.created", "deal.updated") + 'where: .stage == "won"\n'})
    (warning,) = checked.problems
    assert str(warning).startswith("flows/deals.yaml:4:1: warning: out is not told when the deal leaves this filter")
    assert "`on_leave: keep`" in warning.hint
    assert checked.project is not None


def test_who_has_decided_what_is_left_by_a_filter_is_not_warned(check: Check) -> None:
    flow = FLOW.replace("deal.created", "deal.updated") + "on_leave: keep\n"
    assert check({"flows/deals.yaml": flow + 'where: .stage == "won"\n'}).problems == ()
    (problem,) = check({"flows/deals.yaml": flow}).problems
    assert str(problem).startswith("flows/deals.yaml:4:1: `on_leave` is about `where`, and there is none")


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"flow/x.yaml": ""}, "flow/: warning: this folder is not read\n    did you mean `flows/`?"),
        ({"flows/x.yml": ""}, "flows/x.yml: warning: this file is not read\n    name it flows/x.yaml"),
        ({"flows/deals.yaml": None}, "flows/: warning: there are no flows"),
        (
            {
                "connections/in.yaml": "connector: http\nsettings: {webhook: {signature: {scheme: hmac-sha256-hex, header: X-S}}}\n"
            },
            "connections/in.yaml:2:1: warning: nothing says what the webhooks of in mean",
        ),
    ],
)
def test_what_would_be_silently_unread_is_warned_of(check: Check, files: dict[str, str | None], said: str) -> None:
    checked = check(files)
    assert said in [str(problem)[: len(said)] for problem in checked.problems]
    assert checked.project is not None


def test_a_link_out_of_the_folder_is_not_followed(check: Check, tmp_path_factory: pytest.TempPathFactory) -> None:
    outside = tmp_path_factory.mktemp("outside") / "flow.yaml"
    outside.write_text(FLOW)
    folder = check({}).project.folder  # type: ignore[union-attr]
    (folder / "flows" / "deals.yaml").unlink()
    (folder / "flows" / "deals.yaml").symlink_to(outside)
    assert "flows/deals.yaml: leads out of the project's folder" in only(check_project(folder))


def test_a_device_or_a_huge_file_is_not_read(check: Check, write: Write) -> None:
    folder = write({"flows/huge.yaml": "#" * 2_000_000})
    os.mkfifo(folder / "flows" / "pipe.yaml")
    found = errors(check_project(folder))
    assert [line.partition("\n")[0] for line in found] == [
        "flows/huge.yaml: is larger than 1,024 KiB",
        "flows/pipe.yaml: is not a plain file",
    ]


def test_a_folder_that_is_no_project_says_so(tmp_path: Path) -> None:
    assert "this folder is no project" in only(check_project(tmp_path))
    assert "there is no such folder" in only(check_project(tmp_path / "nowhere"))


def test_an_environment_that_there_is_not_is_wrong_usage(write: Write) -> None:
    with pytest.raises(UsageError, match="there is no environment 'prod'"):
        check_project(write({}), "prod")


def test_loading_a_wrong_project_raises_all_its_problems(write: Write) -> None:
    folder = write({"flows/deals.yaml": FLOW + "a: 1\nb: 2\n"})
    with pytest.raises(ProjectError) as error:
        load_landscape(folder)
    assert len(error.value.problems) == 2
    with pytest.raises(ProjectError):
        load_project(folder)
