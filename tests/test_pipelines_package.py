"""What importing the package alone does."""

import subprocess
import sys


def test_importing_pipelines_is_cheap_and_tells_whose_it_is():
    script = "import sys, pipelines; print(pipelines.PROJECT, 'tensorflow' in sys.modules)"
    output = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    assert output.split() == ["kerasapp", "False"]
