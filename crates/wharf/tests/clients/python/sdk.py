"""azure-mgmt-containerinstance, unmodified, through the whole life of a group.

    sdk.py lifecycle|errors|shapes|latency [SAMPLES]
"""

import statistics
import sys
import time

from azure.core.exceptions import ClientAuthenticationError, HttpResponseError
from azure.core.exceptions import ResourceNotFoundError
from azure.mgmt.containerinstance import models as m

from wharf import IMAGE, LOCATION, StaticToken, clients, wait_for

HOME = "python-sdk"


def group(command, **more):
    """A group of one container."""
    container = m.Container(
        name="main",
        image=IMAGE,
        command=command,
        environment_variables=[
            m.EnvironmentVariable(name="GREETING", value="hello"),
            m.EnvironmentVariable(name="PASSWORD", secure_value="not-to-be-seen"),
        ],
        resources=m.ResourceRequirements(
            requests=m.ResourceRequests(cpu=0.1, memory_in_gb=0.1)
        ),
        ports=[m.ContainerPort(port=80)],
    )
    values = {
        "location": LOCATION,
        "containers": [container],
        "os_type": "Linux",
        "restart_policy": "Never",
        "ip_address": m.IpAddress(type="Public", ports=[m.Port(port=80, protocol="TCP")]),
    }
    return m.ContainerGroup(**{**values, **more})


def lifecycle():
    """create → poll → get → list → logs → stop → start → restart → patch → delete"""
    aci, arm = clients()
    home = arm.resource_groups.create_or_update(HOME, {"location": LOCATION})
    assert home.properties.provisioning_state == "Succeeded", home
    groups = aci.container_groups

    script = ["sh", "-c", 'echo "$GREETING $PASSWORD"; sleep 1000']
    made = groups.begin_create_or_update(HOME, "life", group(script)).result()
    assert made.provisioning_state == "Succeeded", made.provisioning_state
    assert made.name == "life" and made.type == "Microsoft.ContainerInstance/containerGroups"
    assert made.sku == "Standard" and made.os_type == "Linux" and made.init_containers == []

    got = groups.get(HOME, "life")
    assert got.instance_view.state == "Running", got.instance_view.state
    main = got.containers[0]
    assert main.resources.requests.cpu == 0.1 and main.resources.requests.memory_in_gb == 0.1
    assert main.instance_view.current_state.state == "Running"
    assert main.instance_view.restart_count == 0
    names = [event.name for event in main.instance_view.events]
    assert "Started" in names, names
    values = {v.name: (v.value, v.secure_value) for v in main.environment_variables}
    assert values == {"GREETING": ("hello", None), "PASSWORD": (None, None)}, values
    address = got.ip_address.ip
    assert address and got.ip_address.ports[0].port == 80

    in_subscription = list(groups.list())
    in_home = list(groups.list_by_resource_group(HOME))
    for page in in_subscription, in_home:
        assert [one.name for one in page] == ["life"]
        assert page[0].instance_view is None, "lists have no instance view"

    def log():
        return aci.containers.list_logs(HOME, "life", "main").content

    wait_for("the log", lambda: log() == "hello not-to-be-seen\n")
    stamped = aci.containers.list_logs(HOME, "life", "main", tail=1, timestamps=True).content
    assert stamped.endswith("Z hello not-to-be-seen\n"), stamped

    assert groups.stop(HOME, "life") is None
    wait_for("the stop", lambda: groups.get(HOME, "life").instance_view.state == "Stopped")
    groups.begin_start(HOME, "life").result()
    wait_for("the start", lambda: groups.get(HOME, "life").instance_view.state == "Running")
    before = groups.get(HOME, "life").containers[0].instance_view.current_state.start_time
    groups.begin_restart(HOME, "life").result()

    def is_anew():
        state = groups.get(HOME, "life").containers[0].instance_view.current_state
        return state.state == "Running" and state.start_time > before

    wait_for("the restart", is_anew)

    patched = groups.update(HOME, "life", m.Resource(tags={"a": "b"}))
    assert patched.tags == {"a": "b"}, patched.tags
    assert groups.get(HOME, "life").tags == {"a": "b"}

    gone = groups.begin_delete(HOME, "life").result()
    assert gone is not None and gone.name == "life", gone
    try:
        groups.get(HOME, "life")
        raise AssertionError("the group is still there")
    except ResourceNotFoundError as error:
        assert error.error.code == "ResourceNotFound", error
    assert groups.begin_delete(HOME, "life").result() is None
    arm.resource_groups.begin_delete(HOME).result()
    assert not arm.resource_groups.check_existence(HOME)


def errors():
    """What is refused arrives as the exceptions that programs of Azure catch."""
    aci, arm = clients()
    arm.resource_groups.create_or_update(HOME, {"location": LOCATION})

    def refused(status, code, call, *args, **more):
        try:
            result = call(*args, **more)
            result = result.result() if hasattr(result, "result") else result
        except HttpResponseError as error:
            seen = (error.status_code, error.error and error.error.code)
            assert seen == (status, code), f"{seen} {error.message}"
            return error.message
        raise AssertionError(f"{code} was not raised: {result}")

    create = aci.container_groups.begin_create_or_update
    refused(404, "ResourceNotFound", aci.container_groups.get, HOME, "nobody")
    refused(404, "ResourceGroupNotFound", create, "nowhere", "g", group(["true"]))
    message = refused(400, "InvalidOsType", create, HOME, "g", group(["true"], os_type="BeOS"))
    assert "Windows,Linux" in message, message
    half = group(["true"])
    half.containers[0].image = "127.0.0.1:1/nothing:latest"
    refused(409, "RegistryErrorResponse", create, HOME, "g", half)
    refused(404, "ResourceNotFound", aci.container_groups.begin_start, HOME, "nobody")
    refused(404, "ResourceNotFound", aci.containers.list_logs, HOME, "nobody", "main")
    strangers, _ = clients(StaticToken("not-a-token"))
    try:
        list(strangers.container_groups.list())
        raise AssertionError("anybody may list")
    except ClientAuthenticationError as error:
        assert error.status_code == 401, error
    arm.resource_groups.begin_delete(HOME).result()


def shapes():
    """A group with most kinds of properties comes back as it was sent, less its secrets."""
    aci, arm = clients()
    arm.resource_groups.create_or_update(HOME, {"location": LOCATION})
    wanted = group(
        ["sh", "-c", "cat /scratch/made; sleep 1000"],
        tags={"team": "blue"},
        init_containers=[
            m.InitContainerDefinition(
                name="before",
                image=IMAGE,
                command=["sh", "-c", "echo made > /scratch/made"],
                volume_mounts=[m.VolumeMount(name="scratch", mount_path="/scratch")],
            )
        ],
        volumes=[m.Volume(name="scratch", empty_dir={})],
    )
    wanted.containers[0].volume_mounts = [
        m.VolumeMount(name="scratch", mount_path="/scratch", read_only=True)
    ]
    made = aci.container_groups.begin_create_or_update(HOME, "shapes", wanted).result()
    assert made.tags == {"team": "blue"}
    assert [one.name for one in made.init_containers] == ["before"]
    assert made.volumes[0].empty_dir == {}, made.volumes
    assert made.containers[0].volume_mounts[0].read_only is True

    def log():
        return aci.containers.list_logs(HOME, "shapes", "main").content

    wait_for("the volume", lambda: log() == "made\n")
    arm.resource_groups.begin_delete(HOME).result()
    assert list(aci.container_groups.list()) == []


def latency(samples):
    """Seconds of `begin_create_or_update().result()` with an image that is here: the median."""
    aci, arm = clients()
    arm.resource_groups.create_or_update(HOME, {"location": LOCATION})
    took = []
    for number in range(samples + 2):
        begin = time.monotonic()
        poller = aci.container_groups.begin_create_or_update(
            HOME, f"fast-{number}", group(["sleep", "1000"])
        )
        made = poller.result()
        took.append(time.monotonic() - begin)
        assert made.provisioning_state == "Succeeded", made.provisioning_state
        aci.container_groups.begin_delete(HOME, f"fast-{number}").result()
    took = sorted(took[2:])  # the first ones pay for connections and caches
    arm.resource_groups.begin_delete(HOME).result()
    print(f"{statistics.median(took):.4f} {took[int(len(took) * 0.95)]:.4f}")


if __name__ == "__main__":
    name, *rest = sys.argv[1:]
    {"lifecycle": lifecycle, "errors": errors, "shapes": shapes, "latency": latency}[name](
        *map(int, rest)
    )
