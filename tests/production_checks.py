"""What refuses a production file that its reader would refuse; the readers cannot be run in a test.

Kubernetes' own schema (kubernetes-validate), the compose specification's (check-jsonschema carries it), TF
Serving's protos; for KServe and Prometheus the fields in `production_schemas`. Beyond the schema: what one
place of a file says of another, such as a port's name.
"""

import json
import re
import shlex
import tempfile
from importlib import resources

import jsonschema
import kubernetes_validate
import yaml
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, text_format
from production_schemas import KSERVE, PROMETHEUS, SERVER_FLAGS
from tensorflow_serving.config.model_server_config_pb2 import ModelServerConfig

from kerasapp.serving.batching.parameters import read_parameters
from kerasapp.serving.protocol.errors import ServingError

KUBERNETES = "1.35"
INSTRUCTIONS = {"FROM", "ENV", "COPY", "RUN", "USER", "WORKDIR", "EXPOSE", "HEALTHCHECK", "STOPSIGNAL",
                 "ENTRYPOINT", "CMD"}  # fmt: skip


class Refused(ValueError):
    """A file that its reader would refuse, or that contradicts itself."""


def require(holds, message):
    if not holds:
        raise Refused(message)


def check_models(text):
    """models.config: TF Serving's ModelServerConfig, whose labels are of versions that it loads."""
    config = _proto(text, ModelServerConfig())
    require(len(config.model_config_list.config) > 0, "no model")
    for model in config.model_config_list.config:
        require(model.name and model.base_path.startswith("/"), "a model needs a name and a full path")
        require(model.model_platform == "tensorflow", f"platform {model.model_platform!r}")
        policy = model.model_version_policy
        require(
            policy.WhichOneof("policy_choice") == "specific", "labels need versions that are sure to load"
        )
        require(set(model.version_labels) == {"stable", "canary"}, "labels")
        for label, version in model.version_labels.items():
            require(version in policy.specific.versions, f"{label} means {version}, which is not loaded")
    return config


def check_monitoring(text):
    """monitoring.config: tensorflow_serving/config/monitoring_config.proto, on, at a path."""
    config = _proto(text, _monitoring_class()())
    require(config.prometheus_config.enable, "metrics are off")
    require(config.prometheus_config.path.startswith("/"), "a path")
    return config


def check_prometheus(text):
    _schema(PROMETHEUS, yaml.safe_load(text))
    return yaml.safe_load(text)


def check_compose(text):
    """docker-compose.yml: the specification, and that files, ports and flags belong together."""
    document = yaml.safe_load(text)
    folder = resources.files("check_jsonschema.builtin_schemas.vendor")
    _schema(json.loads(folder.joinpath("compose-spec.json").read_text()), document)
    serving = document["services"]["serving"]
    flags = _flags(serving["command"])
    ports = {port.rsplit(":", 1)[1] for port in serving["ports"]}
    require({flags["port"], flags["rest_api_port"]} == ports, f"ports {ports}")
    _check_paths(flags, [volume["target"] for volume in serving["volumes"]])
    require(all(volume["read_only"] for volume in serving["volumes"]), "volumes can be written")
    probe = serving["healthcheck"]["test"][-1]
    require(f"/dev/tcp/127.0.0.1/{flags['rest_api_port']} " in probe, "the health check asks another port")
    for service in document["services"].values():
        _check_image(service["image"])
        for volume in service["volumes"]:
            require(volume["type"] == "bind" or volume["source"] in document["volumes"], "unknown volume")
    return document


def check_kubernetes(text):
    """kubernetes.yaml: Kubernetes' schema, and that names, ports, selectors and volumes belong together."""
    objects = {}
    for document in yaml.safe_load_all(text):
        _kubernetes(document)
        objects[document["kind"]] = document
    expected = {"PersistentVolumeClaim", "Deployment", "Service", "HorizontalPodAutoscaler"}
    require(set(objects) == expected, f"kinds {sorted(objects)}")
    deployment = objects["Deployment"]["spec"]
    pod = deployment["template"]
    labels = pod["metadata"]["labels"].items()
    require(deployment["selector"]["matchLabels"].items() <= labels, "the Deployment selects other pods")
    require(deployment["strategy"]["rollingUpdate"]["maxUnavailable"] == 0, "an update takes pods away")
    (container,) = _check_pod(pod["spec"])
    pause = int(container["lifecycle"]["preStop"]["exec"]["command"][-1])
    require(pod["spec"]["terminationGracePeriodSeconds"] > pause + 60, "killed before requests are answered")
    ports = {port["name"]: str(port["containerPort"]) for port in container["ports"]}
    flags = _flags(container["args"])
    require(ports == {"grpc": flags["port"], "rest": flags["rest_api_port"]}, f"ports {ports}")
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        require(container[probe]["httpGet"]["port"] == "rest", f"{probe} asks another port")
        path = container[probe]["httpGet"]["path"]  # http_rest_api_util.cc: kModelStatusApiRegex
        require(re.fullmatch(r"/v1/models/[^/:]+(/labels/[^/:]+/metadata)?", path), f"{probe}: {path}")
    service = objects["Service"]["spec"]
    require(service["selector"].items() <= labels, "the Service selects other pods")
    require(all(port["targetPort"] in ports for port in service["ports"]), "the Service's port is unknown")
    target = objects["HorizontalPodAutoscaler"]["spec"]["scaleTargetRef"]
    scaled = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "name": objects["Deployment"]["metadata"]["name"],
    }
    require(target == scaled, "the autoscaler scales something else")
    claims = [volume["persistentVolumeClaim"]["claimName"] for volume in pod["spec"]["volumes"]
              if "persistentVolumeClaim" in volume]  # fmt: skip
    require(claims == [objects["PersistentVolumeClaim"]["metadata"]["name"]], f"claims {claims}")
    return objects


def check_kserve(text):
    """kserve.yaml: the fields of KServe's resources, and that the service finds its runtime."""
    objects = {document["kind"]: document for document in yaml.safe_load_all(text)}
    require(set(objects) == set(KSERVE), f"kinds {sorted(objects)}")
    for kind, document in objects.items():
        _schema(KSERVE[kind], document)
    runtime = objects["ServingRuntime"]
    pod = {"containers": runtime["spec"]["containers"], "volumes": runtime["spec"].get("volumes", [])}
    _kubernetes({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "pod"}, "spec": pod})
    (container,) = _check_pod(pod, "/mnt/models")
    require(container["name"] == "kserve-container", "KServe looks for kserve-container")
    require(_flags(container["args"])["rest_api_port"] == str(container["ports"][0]["containerPort"]), "port")
    model = objects["InferenceService"]["spec"]["predictor"]["model"]
    require(model["runtime"] == runtime["metadata"]["name"], "the service names another runtime")
    require(model["protocolVersion"] in runtime["spec"]["protocolVersions"], "protocol")
    formats = [(f["name"], f["version"]) for f in runtime["spec"]["supportedModelFormats"]]
    require((model["modelFormat"]["name"], model["modelFormat"]["version"]) in formats, "model format")
    return objects


def check_dockerfile(text):
    """Dockerfile: known instructions, a pinned image, not root; returns ENTRYPOINT and CMD as one list."""
    joined = re.sub(r"\\\n\s*", " ", re.sub(r"(?m)^#.*\n", "", text))
    lines = [line.split(None, 1) for line in joined.splitlines() if line.strip()]
    for instruction, *_ in lines:
        require(instruction in INSTRUCTIONS, f"unknown instruction {instruction}")
    found = dict(lines)
    require(lines[0][0] == "FROM", "begins with FROM")
    _check_image(found["FROM"])
    require(found["USER"].split(":")[0] not in ("0", "root"), "runs as root")
    last = [instruction for instruction, _ in lines].index("USER")
    require("RUN" not in [instruction for instruction, _ in lines[last:]], "installs after USER")
    for line in found["RUN"].split("&&"):
        shlex.split(line)
    try:
        json.loads(found["HEALTHCHECK"].partition("CMD")[2])
        return json.loads(found["ENTRYPOINT"]) + json.loads(found["CMD"])
    except ValueError as error:
        raise Refused(f"not a JSON list: {error}") from None


def check_readme(text):
    """README.md: the pod that it writes is one."""
    (pod,) = re.findall(r"<<END\n(.*?)END\n", text, flags=re.DOTALL)
    _kubernetes(yaml.safe_load(pod))
    return yaml.safe_load(pod)


def check_batching(text):
    """batching_parameters.txt: read as the embedded server reads it, field by field of TF Serving's proto."""
    with tempfile.NamedTemporaryFile("w") as file:
        file.write(text)
        file.flush()
        try:
            parameters = read_parameters(file.name)
        except ServingError as error:
            raise Refused(str(error)) from None
    # TF Serving aborts on some requests with it, and changes answers: tensorflow/serving#1279.
    require(not parameters.pad_variable_length_inputs, "padding changes answers")
    return parameters


CHECKS = {
    "models.config": check_models,
    "batching_parameters.txt": check_batching,
    "monitoring.config": check_monitoring,
    "prometheus.yml": check_prometheus,
    "docker-compose.yml": check_compose,
    "kubernetes.yaml": check_kubernetes,
    "kserve.yaml": check_kserve,
    "Dockerfile": check_dockerfile,
    "README.md": check_readme,
}


def check(name, text):
    """What the file `name` says, parsed. Raises: Refused."""
    try:
        return CHECKS[name](text)
    except (KeyError, TypeError, AttributeError, IndexError, yaml.YAMLError) as error:
        raise Refused(f"{name}: {error!r}") from None


def _check_pod(spec, *elsewhere):
    """The containers of a pod; what they mount exists, and what their flags name is mounted."""
    volumes = {volume["name"] for volume in spec["volumes"]}
    for container in spec["containers"]:
        _check_image(container["image"])
        mounts = container["volumeMounts"]
        require({mount["name"] for mount in mounts} == volumes, f"volumes {volumes} and mounts differ")
        require(all(mount.get("readOnly") for mount in mounts), "volumes can be written")
        _check_paths(_flags(container["args"]), [mount["mountPath"] for mount in mounts] + list(elsewhere))
        require(container["securityContext"]["runAsNonRoot"] is True, "runs as root")
    return spec["containers"]


def _flags(words):
    """The server's flags, name -> value; all of them are known."""
    pairs = [re.fullmatch(r"--(\w+)=(.+)", word) for word in words]
    require(all(pairs), f"not all of the form --flag=value: {words}")
    flags = dict(pair.groups() for pair in pairs)
    require(set(flags) <= SERVER_FLAGS, f"unknown flags {set(flags) - SERVER_FLAGS}")
    return flags


def _check_paths(flags, folders):
    for name, value in flags.items():
        if value.startswith("/"):
            inside = any(value == folder or value.startswith(f"{folder}/") for folder in folders)
            require(inside, f"--{name}: {value} is not mounted")


def _check_image(image):
    require(re.fullmatch(r"[\w./-]+:v?\d+\.\d+\.\d+[\w.-]*", image), f"image {image} is not pinned")


def _kubernetes(document):
    try:
        kubernetes_validate.validate(document, KUBERNETES, strict=True)
    except (kubernetes_validate.ValidationError, kubernetes_validate.SchemaNotFoundError) as error:
        raise Refused(error.message) from None


def _schema(schema, document):
    try:
        jsonschema.validate(document, schema)
    except jsonschema.ValidationError as error:
        raise Refused(error.message) from None


def _proto(text, message):
    try:
        return text_format.Parse(text, message)
    except text_format.ParseError as error:
        raise Refused(str(error)) from None


def _monitoring_class():
    field = descriptor_pb2.FieldDescriptorProto
    file = descriptor_pb2.FileDescriptorProto(name="monitoring_of_tests.proto", package="t", syntax="proto3")
    prometheus = file.message_type.add(name="PrometheusConfig")
    prometheus.field.add(name="enable", number=1, type=field.TYPE_BOOL, label=field.LABEL_OPTIONAL)
    prometheus.field.add(name="path", number=2, type=field.TYPE_STRING, label=field.LABEL_OPTIONAL)
    file.message_type.add(name="MonitoringConfig").field.add(
        name="prometheus_config", number=1, type=field.TYPE_MESSAGE, type_name=".t.PrometheusConfig",
        label=field.LABEL_OPTIONAL,
    )  # fmt: skip
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(file.SerializeToString())
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("t.MonitoringConfig"))
