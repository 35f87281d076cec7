"""The host side of the rig: what makes, boots, drives and checks the guests."""
