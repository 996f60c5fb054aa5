"""Production files: each is accepted by the format of its reader, and not once something in it is wrong."""

import re
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
import yaml
from production_checks import CHECKS, Refused, check
from production_mutations import MUTATIONS
from waiting import PATIENCE

from kerasapp.cli import run
from kerasapp.serving.client import Client
from kerasapp.serving.models.model_config import read_model_config
from kerasapp.serving.observing.metrics import read_monitoring
from kerasapp.serving.production import manifests as production
from kerasapp.serving.production import tuning
from kerasapp.serving.protocol.errors import ServingError

ROOT = Path(__file__).parents[1]


@pytest.fixture
def models(tmp_path):
    """`saved_models/My_Poems.v2` with versions that have what tells a version of kerasapp."""
    for number in (1, 2, 10):
        extra = tmp_path / "saved_models" / "My_Poems.v2" / str(number) / "assets.extra" / "kerasapp"
        extra.mkdir(parents=True)
        (extra / "config.yaml").write_text("task: generation\n")
    return tmp_path / "saved_models" / "My_Poems.v2"


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """The text of each file, by name."""
    folder = tmp_path_factory.mktemp("production")
    version = folder / "saved_models" / "poems" / "2"
    for number in "12":
        version.with_name(number).mkdir(parents=True)
    written = production.write(version, folder / "files", tuning.unmeasured(version))
    return {path.name: path.read_text(encoding="utf-8") for path in written}


def test_every_file_is_written_and_accepted(files):
    assert set(files) == set(CHECKS)
    for name, text in files.items():
        check(name, text)


@pytest.mark.parametrize(("name", "old", "new"), MUTATIONS)
def test_a_single_mutation_is_refused(files, name, old, new):
    assert old in files[name]
    with pytest.raises(Refused):
        check(name, files[name].replace(old, new))


def test_files_agree_with_each_other(files):
    path = check("monitoring.config", files["monitoring.config"]).prometheus_config.path
    (scraped,) = check("prometheus.yml", files["prometheus.yml"])["scrape_configs"]
    compose = check("docker-compose.yml", files["docker-compose.yml"])
    pod = check("kubernetes.yaml", files["kubernetes.yaml"])["Deployment"]["spec"]["template"]
    assert path == scraped["metrics_path"] == pod["metadata"]["annotations"]["prometheus.io/path"]
    service, port = scraped["static_configs"][0]["targets"][0].split(":")
    assert f"--rest_api_port={port}" in compose["services"][service]["command"]
    assert compose["services"]["serving"]["command"] == pod["spec"]["containers"][0]["args"]
    assert compose["services"]["serving"]["image"] == pod["spec"]["containers"][0]["image"]
    config = check("models.config", files["models.config"]).model_config_list.config[0]
    assert config.base_path == f"/models/{config.name}" == "/models/poems"
    assert f"/v1/models/{config.name}/labels/stable" in files["kubernetes.yaml"]
    for name in files:
        assert name == "README.md" or f"`{name}`" in files["README.md"]


def test_kerasapp_serve_reads_them_as_tensorflow_serving_does(files, tmp_path):
    for name in ("models.config", "monitoring.config"):
        (tmp_path / name).write_text(files[name])
    (model,) = read_model_config(tmp_path / "models.config").values()
    assert model.policy.choose([1, 2, 3]) == {1, 2} and dict(model.labels) == {"stable": 1, "canary": 2}
    monitoring = read_monitoring(tmp_path / "monitoring.config")
    assert (monitoring.enable, monitoring.path) == (True, "/monitoring/prometheus/metrics")


def test_kerasapp_serve_knows_the_flags_of_its_image(files, capsys):
    program, *words = check("Dockerfile", files["Dockerfile"])
    assert program == "kerasapp" and words[words.index("--host") + 1] == "0.0.0.0"
    assert run(words) == 2  # no such folder here
    error = capsys.readouterr().err
    assert "/config/" in error and "unknown argument" not in error


def test_the_image_copies_what_is_in_a_clone(files):
    copied = [line.split()[1:-1] for line in files["Dockerfile"].splitlines() if line.startswith("COPY ")]
    names = {name for names in copied for name in names}
    assert {"kerasapp", "pipelines", "setup.cfg", "constraints.txt"} <= names
    assert [name for name in names if not (ROOT / name).exists()] == []


@pytest.mark.parametrize(("code", "healthy"), [(200, True), (404, False), (None, False)])
def test_the_health_check_of_compose_tells_by_the_status(files, code, healthy):
    asked = []

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            self.send_response(code)
            self.end_headers()

        def log_message(self, *_):
            pass

    with HTTPServer(("127.0.0.1", 0), Answer) as server:
        port = server.server_port
        thread = threading.Thread(target=server.serve_forever)
        if code:
            thread.start()
        else:
            server.server_close()
        check_ = yaml.safe_load(files["docker-compose.yml"])["services"]["serving"]["healthcheck"]["test"]
        command = [word.replace("$$", "$").replace("8501", str(port)) for word in check_[1:]]
        assert (subprocess.run(command, capture_output=True, timeout=PATIENCE).returncode == 0) == healthy
        if code:
            server.shutdown()
            thread.join()
            assert asked == ["/v1/models/poems/labels/stable/metadata"]


def labels(folder):
    config = check("models.config", (folder / "models.config").read_text())
    return dict(config.model_config_list.config[0].version_labels)


def export(*words):
    return run(["export", *map(str, words), "--no-measure", "--no-verify"])


def test_the_newest_version_is_the_canary_and_stable_stays_where_it_is(models, tmp_path):
    folder = tmp_path / "production"
    assert export(models / "1", "--production", folder) == 0
    assert labels(folder) == {"stable": 1, "canary": 1}
    assert export(models, "--production", folder) == 0  # the newest, by number and not by letter
    assert labels(folder) == {"stable": 1, "canary": 10}
    config = folder / "models.config"
    config.write_text(config.read_text().replace('"stable" value: 1', '"stable" value: 10'))
    assert export(models / "2", "--production", folder) == 0
    assert labels(folder) == {"stable": 10, "canary": 2}
    assert export(models, "--production", tmp_path / "new") == 0
    assert labels(tmp_path / "new") == {"stable": 2, "canary": 10}


def test_a_stable_version_that_is_gone_gives_way_to_the_one_before(models, tmp_path):
    folder = tmp_path / "production"
    assert export(models / "2", "--production", folder) == 0
    config = folder / "models.config"
    config.write_text(config.read_text().replace('"stable" value: 1', '"stable" value: 7'))
    assert export(models, "--production", folder) == 0
    assert labels(folder) == {"stable": 2, "canary": 10}


def test_a_server_may_use_memory_for_two_versions_and_what_they_compute(models, tmp_path):
    memory = production.template_values(models / "2", tmp_path)["memory"]
    assert memory == 1088  # of few bytes: 1024 MiB for the server, and up to the next 64
    with (models / "2" / "variables").open("wb") as file:
        file.truncate(100 * 2**20)
    assert production.template_values(models / "2", tmp_path)["memory"] == 1024 + 800 + 32


def test_the_models_are_found_from_the_files_wherever_both_are_moved(models, tmp_path):
    for folder, expected in (
        ("files", "../saved_models"),
        ("saved_models/files", ".."),
        (".", "saved_models"),
    ):
        assert production.template_values(models / "2", tmp_path / folder)["models"] == expected


def test_a_volume_has_room_for_ten_versions(models, tmp_path):
    assert production.template_values(models / "2", tmp_path)["storage"] == 1  # GiB
    with (models / "2" / "variables").open("wb") as file:
        file.truncate(300 * 2**20)
    assert production.template_values(models / "2", tmp_path)["storage"] == 3


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("poems", "poems"),
        ("1984", "model-1984"),
        ("_a--B.", "a-b"),
        ("-", "model"),
        ("x" * 39 + "-y" * 20, "x" * 39),
        ("x" * 100, "x" * 40),
    ],
)
def test_names_for_kubernetes(tmp_path, name, slug):
    """RFC 1035; with what the files add, less than 63 characters."""
    version = tmp_path / name / "1"
    version.mkdir(parents=True)
    assert production.template_values(version, tmp_path)["slug"] == slug


def test_new_batching_parameters_replace_the_old_ones(models, tmp_path):
    """They are measured anew; TensorFlow Serving would read the old ones."""
    lines = []
    for batching in ("# first\n", "# second\n"):
        written = production.write(models / "2", tmp_path, batching, lines.append)
    assert tmp_path / "batching_parameters.txt" in written and not lines
    assert (tmp_path / "batching_parameters.txt").read_text() == "# second\n"


def test_a_file_as_it_would_be_written_is_not_told(models, tmp_path):
    lines = []
    production.write(models / "2", tmp_path, "", lines.append)
    (tmp_path / "kubernetes.yaml").write_text("# mine\n")
    production.write(models / "2", tmp_path, "", lines.append)
    assert lines == [f"{tmp_path}/kubernetes.yaml: differs and stays as it is; see kubernetes.yaml.new"]
    (tmp_path / "kubernetes.yaml.new").rename(tmp_path / "kubernetes.yaml")
    production.write(models / "2", tmp_path, "", lines.append)
    assert len(lines) == 1 and not list(tmp_path.glob("*.new"))


def test_a_name_that_kubernetes_does_not_take_is_changed_there_alone(models, tmp_path):
    assert export(models, "--production", tmp_path / "production") == 0
    texts = {path.name: path.read_text() for path in (tmp_path / "production").iterdir()}
    objects = check("kubernetes.yaml", texts["kubernetes.yaml"])
    assert objects["Service"]["metadata"]["name"] == "my-poems-v2"
    assert "/v1/models/My_Poems.v2/labels/stable" in texts["kubernetes.yaml"]
    assert check("kserve.yaml", texts["kserve.yaml"])


def test_a_file_with_changes_stays_and_the_new_one_is_put_beside_it(models, tmp_path, capsys):
    folder = tmp_path / "production"
    assert export(models / "2", "--production", folder) == 0
    (folder / "kubernetes.yaml").write_text("# mine\n")
    assert export(models, "--production", folder) == 0
    assert (folder / "kubernetes.yaml").read_text() == "# mine\n"
    check("kubernetes.yaml", (folder / "kubernetes.yaml.new").read_text())
    error = capsys.readouterr().err
    assert "kubernetes.yaml.new" in error and "kserve.yaml" not in error
    assert "for version 10" in (folder / "README.md.new").read_text()


OTHER = 'model_config_list { config { name: "other" base_path: "/other" model_platform: "tensorflow" } }'


@pytest.mark.parametrize(
    ("content", "said"),
    [("model_config_lst { }", "line 1, column 1"), (OTHER, "other")],
)
def test_a_strange_models_config_is_not_overwritten(models, tmp_path, capsys, content, said):
    (tmp_path / "models.config").write_text(content)
    assert export(models, "--production", tmp_path) == 2
    assert said in capsys.readouterr().err
    assert (tmp_path / "models.config").read_text() == content


def test_what_cannot_be_done_is_one_line(models, tmp_path, capsys):
    (tmp_path / "file").write_text("")
    broken = models.parent / "name with space"
    models.rename(broken)
    for words, said in [
        ((broken, "--production", tmp_path / "file"), "name with space"),
        ((broken.rename(models), "--production", tmp_path / "file"), "file"),
        ((models, "--production", tmp_path / "p", "--name", "other"), "--name"),
        ((models,), "--no-measure"),
    ]:
        assert export(*words) == 2
        error = capsys.readouterr().err
        assert said in error and error.count("\n") == 1 and error.startswith("error: ")


def test_a_failed_write_leaves_the_old_file(files, tmp_path, monkeypatch):
    version = tmp_path / "saved_models" / "poems" / "1"
    version.mkdir(parents=True)
    folder = tmp_path / "production"
    production.write(version, folder, "# first\n")
    monkeypatch.setattr("os.replace", lambda *_: (_ for _ in ()).throw(OSError("no space")))
    with pytest.raises(OSError, match="no space"):
        production.write(version, folder, "# second\n")
    assert (folder / "batching_parameters.txt").read_text() == "# first\n"
    assert {path.name for path in folder.iterdir()} == set(CHECKS)


def test_a_name_outside_of_ascii_is_refused():
    production.check_name("a-b_c.9")
    with pytest.raises(ServingError, match="ASCII"):
        production.check_name("模型")


@pytest.mark.slow
def test_a_run_is_exported_measured_and_served_by_its_files(tiny_run, tmp_path, capsys):
    folder = tmp_path / "production"
    words = ["export", str(tiny_run), "--to", str(tmp_path / "models"), "--production", str(folder)]
    assert run([*words, "--no-verify"]) == 0
    assert capsys.readouterr().out.split() == [str(tmp_path / "models" / "tiny" / "1"), str(folder)]
    for name in CHECKS:
        check(name, (folder / name).read_text())
    assert "rows per second" in (folder / "batching_parameters.txt").read_text()
    config = tmp_path / "models.config"
    config.write_text((folder / "models.config").read_text().replace("/models/", f"{tmp_path}/models/"))
    words = ["--model-config-file", config, "--batching-parameters-file", folder / "batching_parameters.txt"]
    with subprocess.Popen(
        [sys.executable, "-m", "kerasapp", "serve", *map(str, words), "--rest-port", "0", "--grpc-port", "0"],
        stdout=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        try:
            address = re.search(r"http://(\S+)", process.stdout.readline())[1]
            with Client(address, timeout=PATIENCE) as client:
                answers = [
                    client.predict("tiny", {"prompt": ["A"]}, label=label) for label in ("stable", "canary")
                ]
            assert answers[0]["text"] == answers[1]["text"]
        finally:
            process.terminate()
