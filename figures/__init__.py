"""Figures: each script reads the one CSV that carries its name and draws it as PDF and PNG."""
