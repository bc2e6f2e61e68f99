"""Builds the package with ament_python; colcon calls this."""

from setuptools import setup

NAME = "edgeseg_ros"

setup(
    name=NAME,
    version="0.1.0",
    packages=[NAME],
    data_files=[
        ("share/ament_index/resource_index/packages", [f"resource/{NAME}"]),
        (f"share/{NAME}", ["package.xml"]),
        (f"share/{NAME}/launch", ["launch/edgeseg.launch.py"]),
    ],
    install_requires=["setuptools"],
    zip_safe=True,
    maintainer="edgeseg",
    maintainer_email="edgeseg@example.org",
    description="Sends camera images to an edgeseg daemon and publishes segmentation masks.",
    license="Apache-2.0",
    entry_points={"console_scripts": ["segment = edgeseg_ros.node:main"]},
)
