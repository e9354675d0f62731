"""The Helm chart, rendered by Helm itself; without a cluster, so nothing here is installed."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from kubernetes.client import models

from docent.settings import Settings
from docent.web.draining import DRAIN_SECONDS
from docent.web.server import REQUEST_SECONDS
from tools.write_settings import SET_BY_CHART

ROOT = Path(__file__).resolve().parent.parent
CHART = ROOT / "deploy/helm/docent"
EXAMPLES = sorted((ROOT / "deploy/helm/examples").glob("*.yaml"))
HELM = shutil.which("helm")
NEEDED = ["--set", "secret.name=docent", "--set", "settings.files_url=s3://documents"]
# Of KEDA and of Prometheus' operator: Kubernetes itself does not know them.
OTHERS = {"ScaledObject": "keda.sh/v1alpha1", "PodMonitor": "monitoring.coreos.com/v1"}

pytestmark = pytest.mark.skipif(HELM is None, reason="helm is not installed")


def helm(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(HELM), *arguments], capture_output=True, text=True)


def rendered(*arguments: str) -> dict[str, dict[str, Any]]:
    """Return the objects of the chart, by their kind and name."""
    done = helm("template", "docent", str(CHART), *arguments)
    assert done.returncode == 0, done.stderr
    objects = [one for one in yaml.safe_load_all(done.stdout) if one]
    return {f"{one['kind']}/{one['metadata']['name']}": one for one in objects}


def pods(objects: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {
        name: one["spec"]["template"]["spec"]
        for name, one in objects.items()
        if "template" in one.get("spec", ())
    }


@pytest.mark.parametrize("values", EXAMPLES, ids=lambda path: path.stem)
def test_the_chart_is_rendered_without_fault(values: Path):
    """Each example passes Helm's own check, and every object is one that Kubernetes knows, in every field."""
    done = helm("lint", "--strict", str(CHART), "-f", str(values))
    assert done.returncode == 0, done.stdout
    for one in rendered("-f", str(values)).values():
        if one["kind"] in OTHERS:
            assert one["apiVersion"] == OTHERS[one["kind"]]
        else:
            getattr(models, f"V1{one['kind']}").model_validate(one)


@pytest.mark.parametrize("values", EXAMPLES, ids=lambda path: path.stem)
def test_pods_have_no_privileges_and_hold_no_secrets(values: Path):
    """Every container is an ordinary user's, on a read-only file system; secrets are only referred to."""
    objects = rendered("-f", str(values))
    assert "Secret" not in {one["kind"] for one in objects.values()}
    assert len(pods(objects)) == 3
    for pod in pods(objects).values():
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert pod["automountServiceAccountToken"] is False
        (container,) = pod["containers"]
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        mounted = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
        assert {"/tmp", "/app/.files", "/app/storage"} <= set(mounted.values())
        assert set(mounted) == {volume["name"] for volume in pod["volumes"]}
        named = [one["value"] for one in container["env"] if one["name"] == "DOCENT_DATABASE_URL_FILE"]
        assert named == [f"{mounted['secret']}/database_url"]


def test_each_setting_reaches_the_pods(tmp_path: Path):
    """What `settings` names arrives as Docent reads it, whether text, number, switch or list."""
    values = {
        name: value
        for name, value in Settings().model_dump(mode="json").items()
        if name not in SET_BY_CHART and value not in (None, [], "")
    }
    values |= {"source_hosts": ["a.example.org", "10.0.0.0/8"], "max_file_mb": 2000000, "share_links": True}
    (tmp_path / "values.json").write_text(json.dumps({"settings": values}))
    pod = pods(rendered(*NEEDED, "-f", str(tmp_path / "values.json")))["Deployment/docent-worker"]
    environment = {one["name"]: one["value"] for one in pod["containers"][0]["env"]}
    settings = Settings.read(environ=environment, folder=tmp_path)
    found = settings.model_dump(mode="json")
    assert {name: found[name] for name in values} == values


def test_settings_that_the_chart_sets_are_explained():
    """Those that cannot be given under `settings` are in docs/scaling.md, with the reason."""
    schema = json.loads((CHART / "values.schema.json").read_text())
    assert set(Settings.model_fields) - set(schema["properties"]["settings"]["properties"]) == SET_BY_CHART
    page = (ROOT / "docs/scaling.md").read_text().partition("## On Kubernetes")[2]
    assert {name for name in SET_BY_CHART if f"`DOCENT_{name.upper()}`" not in page} == set()


def test_a_web_replica_is_replaced_without_a_refused_request():
    """A new one is ready before an old one stops, and that one has time to finish its answers."""
    objects = rendered(*NEEDED)
    web = objects["Deployment/docent-web"]
    assert web["spec"]["strategy"]["rollingUpdate"] == {"maxUnavailable": 0, "maxSurge": 1}
    pod = web["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert container["readinessProbe"]["httpGet"]["path"] == "/ready"
    assert container["livenessProbe"]["httpGet"]["path"] == "/health"
    waits = int(container["lifecycle"]["preStop"]["exec"]["command"][1])
    assert pod["terminationGracePeriodSeconds"] > waits + DRAIN_SECONDS + REQUEST_SECONDS
    environment = {one["name"]: one for one in container["env"]}
    assert environment["DOCENT_REPLICA"]["valueFrom"] == {"fieldRef": {"fieldPath": "metadata.name"}}
    assert json.loads(environment["DOCENT_ALLOWED_HOSTS"]["value"]) == ["docent", "$(POD_IP)"]
    assert list(environment).index("POD_IP") < list(environment).index("DOCENT_ALLOWED_HOSTS")
    budget = objects["PodDisruptionBudget/docent-web"]["spec"]
    assert budget["selector"] == web["spec"]["selector"]


def test_the_tables_are_made_before_the_release():
    """The job that makes them needs nothing that only comes with the release: no file, no claim."""
    job = rendered("-f", str(ROOT / "deploy/helm/examples/full.yaml"))["Job/docent-migrate"]
    assert job["metadata"]["annotations"]["helm.sh/hook"] == "pre-install,pre-upgrade"
    kinds = {key for volume in job["spec"]["template"]["spec"]["volumes"] for key in volume} - {"name"}
    assert kinds == {"secret", "emptyDir"}


def test_browsers_stay_at_one_replica_and_agents_as_well():
    """ingress-nginx keeps a browser by a cookie and an agent by its key, each through its own Service."""
    objects = rendered("-f", str(ROOT / "deploy/helm/examples/full.yaml"))
    browsers, agents = objects["Ingress/docent"], objects["Ingress/docent-mcp"]
    own = "nginx.ingress.kubernetes.io/"
    assert browsers["metadata"]["annotations"][f"{own}affinity"] == "cookie"
    assert agents["metadata"]["annotations"][f"{own}upstream-hash-by"] == "$http_authorization"
    services = []
    for ingress in (browsers, agents):
        assert ingress["metadata"]["annotations"][f"{own}proxy-body-size"] == "0"
        (path,) = ingress["spec"]["rules"][0]["http"]["paths"]
        services.append(path["backend"]["service"]["name"])
        labels = objects["Deployment/docent-web"]["spec"]["template"]["metadata"]["labels"]
        assert objects[f"Service/{services[-1]}"]["spec"]["selector"].items() <= labels.items()
    assert len(set(services)) == 2


def test_workers_follow_the_queue_only_where_asked():
    """KEDA sets their number by a figure that Docent publishes; otherwise it is the given one."""
    plain = rendered(*NEEDED, "--set", "worker.replicas=5")
    assert plain["Deployment/docent-worker"]["spec"]["replicas"] == 5
    assert not {one["kind"] for one in plain.values()} & set(OTHERS)
    objects = rendered("-f", str(ROOT / "deploy/helm/examples/autoscaled.yaml"))
    assert "replicas" not in objects["Deployment/docent-worker"]["spec"]
    scaled = objects["ScaledObject/docent-worker"]["spec"]
    assert scaled["scaleTargetRef"] == {"name": "docent-worker"}
    (trigger,) = scaled["triggers"]
    assert trigger["metadata"]["query"] == "max(docent_jobs_waiting)"
    assert "`docent_jobs_waiting`" in (ROOT / "docs/api.md").read_text()
    assert all(isinstance(value, str) for value in trigger["metadata"].values())


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ([], "secret.name is empty"),
        (["--set", "secret.name=docent"], "no place that all pods share"),
        ([*NEEDED, "--set", "ingress.enabled=true"], "ingress.host is empty"),
        (
            [*NEEDED, "--set", "ingress.enabled=true,ingress.host=docent.example.org"],
            "trustedProxies is empty",
        ),
        ([*NEEDED, "--set", "settings.passage=3"], "passage"),
        ([*NEEDED, "--set", "settings.passages=99"], "passages"),
        ([*NEEDED, "--set", "settings.database_url=postgresql://docent@db/docent"], "database_url"),
    ],
)
def test_what_cannot_work_is_refused_before_anything_is_installed(arguments: list[str], reason: str):
    """Helm ends with a sentence that names the value."""
    done = helm("template", "docent", str(CHART), *arguments)
    assert done.returncode != 0
    assert reason in done.stderr
