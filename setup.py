"""What setup.cfg cannot say: the packages stand in two folders. All else is in setup.cfg.

kerasapp_lite, a distribution of its own in lite/, comes with kerasapp, too: `kerasapp verify` runs bundles by
it.
"""

from setuptools import find_packages, setup

OURS = ("kerasapp", "kerasapp.*", "pipelines", "pipelines.*")

setup(
    packages=[*find_packages(include=OURS), *find_packages("lite")],
    package_dir={"kerasapp_lite": "lite/kerasapp_lite"},
)
